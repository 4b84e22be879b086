/** Every link between the texts of the repository leads somewhere, and the index of the documentation names every page. */
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, it } from "vitest"

const root = path.join(import.meta.dirname, "../..")

const textsOf = (folder: string): ReadonlyArray<string> =>
  fs
    .readdirSync(path.join(root, folder), { withFileTypes: true })
    .flatMap((entry) => (entry.isFile() && entry.name.endsWith(".md") ? [path.join(folder, entry.name)] : []))

const folders = [".", "docs", "docs/adr", "examples", "spec", "bench", "test/golden", "test/golden/algorithms"]
const texts = folders.flatMap(textsOf)

/** What a heading is linked by. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-")

const anchorsOf = (file: string): ReadonlyArray<string> =>
  [...fs.readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!))

it.for(texts)("the links of %s lead somewhere", (text) => {
  const file = path.join(root, text)
  const links = [...fs.readFileSync(file, "utf8").matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)]
  const broken = links.flatMap(([, link]) => {
    const [target = "", anchor] = link!.split("#")
    const at = target === "" ? file : path.resolve(path.dirname(file), target)
    if (!fs.existsSync(at)) return [link]
    return anchor === undefined || !at.endsWith(".md") || anchorsOf(at).includes(anchor) ? [] : [link]
  })
  expect(broken).toEqual([])
})

it("the index of the documentation names every page", () => {
  const index = fs.readFileSync(path.join(root, "docs/README.md"), "utf8")
  const pages = textsOf("docs").map((page) => path.basename(page))
  expect(pages.filter((page) => page !== "README.md" && !index.includes(`](${page})`))).toEqual([])
})
