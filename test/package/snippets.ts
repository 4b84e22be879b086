/** The snippets of a text: fenced blocks that name their file, as in "```js orders.mjs"; and its shell blocks. */
import * as fs from "node:fs"
import * as path from "node:path"

const root = path.join(import.meta.dirname, "../..")

export interface Snippet {
  readonly language: string
  /** Undefined for a block without a name. */
  readonly file: string | undefined
  readonly code: string
}

export const snippetsOf = (document: string): ReadonlyArray<Snippet> => {
  const text = fs.readFileSync(path.join(root, document), "utf8")
  return [...text.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(([, language, file, code]) => ({
    code: code!,
    file,
    language: language!,
  }))
}

/** The commands of all shell blocks, without their remarks. */
export const commandsOf = (document: string): ReadonlyArray<string> =>
  snippetsOf(document)
    .filter(({ language }) => language === "sh")
    .flatMap(({ code }) => code.trim().split("\n"))
    .map((line) => line.replace(/\s+#.*$/, ""))
