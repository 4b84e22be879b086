/** What the tests of all specs have in common. */
import { readFileSync } from "node:fs"
import { type CheckResult, findTlc } from "tla-ts-bridge"

/** A run of TLC is seconds, but another one may be waited for, and the machine may be busy. */
export const checkTimeoutMs = 300_000

/** Whether everything is checked, as `pnpm test:spec` does; else a sample of each kind, for those who wait. */
export const isWhole = process.env["SPEC"] === "whole"

/** All of them, or the first two. */
export const sampled = <T>(all: ReadonlyArray<T>): ReadonlyArray<T> => (isWhole ? all : all.slice(0, 2))

/** All of them, or the first one. */
export const sampledOne = <T>(all: ReadonlyArray<T>): ReadonlyArray<T> => (isWhole ? all : all.slice(0, 1))

/** Whether models can be checked on this machine; says so, once a spec, where they cannot. */
export const hasTlc = (spec: string): boolean => {
  const tlc = findTlc()
  if (tlc._tag === "NoTlc") console.log(`TLC was not found, the models of ${spec} are not checked: ${tlc.reason}`)
  return tlc._tag === "Tlc"
}

/** One line for a verdict: what an assertion compares, so that its message says what TLC said. */
export const verdict = (result: CheckResult): string => {
  switch (result._tag) {
    case "Violated":
      return `Violated ${result.invariant}`
    case "Failed":
    case "NoTlc":
      return `${result._tag}: ${result.reason}`
    case "Passed":
    case "Deadlocked":
      return result._tag
  }
}

const text = (file: string): string => readFileSync(new URL(file, import.meta.url), "utf8")

/** Names of the actions in the module's `Next`. */
export const actionsOf = (file: string): Array<string> => {
  const next = /^Next ==\n([^]*?)\n\n/m.exec(text(file))?.[1] ?? ""
  return [...next.matchAll(/(?:: |\\\/ )(\w+)(?:\([\w, [\]]+\))?$/gm)].map(([, name = ""]) => name)
}

/** Names of the actions in the table of spec/README.md under the heading of the module. */
export const documentedActions = (file: string): Array<string> => {
  const section =
    text("README.md")
      .split(/^### /m)
      .find((part) => part.startsWith(`${file}:`)) ?? ""
  return [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = ""]) => name)
}

/** Names of the seeded bugs that the module knows. */
export const bugsOf = (file: string): Array<string> => [
  ...new Set([...text(file).matchAll(/\bBug [=#] "(\w+)"/g)].map(([, name = ""]) => name)),
]

/** Names of invariants and properties in the configurations. */
export const invariantsOf = (...files: ReadonlyArray<string>): Array<string> =>
  files.flatMap((file) =>
    [...(/^(?:INVARIANTS|PROPERTIES)\n((?: {2}\w+\n)+)/m.exec(text(file))?.[1] ?? "").matchAll(/\w+/g)].map(
      ([name]) => name,
    ),
  )
