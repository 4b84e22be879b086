/**
 * Checks the walls of the house (docs/ARCHITECTURE.md): which folder may import which, that the domain is pure, that
 * formats are functions of bytes, and that only the real adapters touch the machine.
 *
 *   node tools/check-walls.ts [root]     prints one line per violation; exit code 1 when there is one
 *
 * It reads text, not types: comments and strings are masked out, and what is left is searched for imports and names.
 */
import * as fs from "node:fs"
import * as path from "node:path"

export interface Violation {
  readonly file: string
  readonly line: number
  readonly what: string
  readonly why: string
  readonly remedy: string
}

/** What a folder's files may import, of our own and of `effect`, is told by the lowest layer at the bottom. */
const layers: Readonly<Record<string, number>> = {
  domain: 0,
  format: 1,
  infra: 2,
  client: 3,
  node: 3,
  embedded: 4,
  cli: 5,
  testing: 5,
}

const direction = "imports point one way: cli, testing -> embedded -> node, client -> infra -> format -> domain"

/** Modules of Node that are functions of their arguments. All others reach the machine. */
const pureNodeModules = new Set([
  "assert",
  "assert/strict",
  "buffer",
  "crypto",
  "events",
  "path",
  "url",
  "util",
  "zlib",
])

const domainModules = new Set(["effect/Schema", "effect/Result", "effect/Option", "effect/Order"])

/** Packages for development that tests, and nothing else in src, may use. */
const testPackages = new Set(["vitest", "fast-check", "@effect/vitest"])

/** Reports a file's violations. `file` is relative to the root, with `/`; `packages` are the runtime dependencies. */
export const checkSource = (file: string, source: string, packages: ReadonlySet<string>): ReadonlyArray<Violation> => {
  const text = readText(source)
  const found: Array<Violation> = []
  const report = (at: number, what: string, why: string, remedy: string): void => {
    found.push({ file, line: source.slice(0, at).split("\n").length, remedy, what, why })
  }
  const place = placeOf(file)
  for (const { at, specifier } of text.imports)
    checkImport(place, specifier, packages, (...words) => report(at, ...words))
  for (const rule of rulesOf(place)) {
    for (const match of text.code.matchAll(rule.pattern)) report(match.index, match[0].trim(), rule.why, rule.remedy)
  }
  return found.toSorted((a, b) => a.line - b.line)
}

/** Reports the violations of all TypeScript files under `root`. */
export const checkTree = (root: string): ReadonlyArray<Violation> => {
  const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")) as {
    readonly dependencies?: Readonly<Record<string, string>>
  }
  const packages = new Set(Object.keys(manifest.dependencies ?? {}))
  return filesUnder(root, "").flatMap((file) =>
    checkSource(file, fs.readFileSync(path.join(root, file), "utf8"), packages),
  )
}

interface Place {
  readonly file: string
  /** The first folder: src, test, bench, spec, tools; "" for a file of the root. */
  readonly top: string
  /** The layer within src. */
  readonly layer: string | undefined
  readonly isTest: boolean
  /** May touch the machine: a real adapter, or the command line. */
  readonly isReal: boolean
}

const placeOf = (file: string): Place => {
  const parts = file.split("/")
  const top = parts.length > 1 ? parts[0]! : ""
  const isAdapter = file.startsWith("src/infra/") && parts.at(-1)!.startsWith("Node")
  return {
    file,
    isReal: isAdapter || file.startsWith("src/cli/"),
    isTest: /\.(test|contract)\.ts$/.test(file),
    layer: top === "src" && parts.length > 2 ? parts[1] : undefined,
    top,
  }
}

type Report = (what: string, why: string, remedy: string) => void

const checkImport = (place: Place, specifier: string, packages: ReadonlySet<string>, report: Report): void => {
  const what = `import of "${specifier}"`
  if (specifier.startsWith(".")) {
    if (!/\.(ts|json)$/.test(specifier)) {
      report(what, "Node runs the sources as they are and needs the file's name", 'write the ".ts" ending')
    }
    checkOwnImport(place, path.posix.join(path.posix.dirname(place.file), specifier), what, report)
    return
  }
  if (place.top !== "src") return
  if (specifier === "effect") {
    report(what, "the barrel takes 250 to 300 ms to load", 'import the module that is meant, as "effect/Effect"')
    return
  }
  if (specifier.startsWith("node:")) {
    checkNodeImport(place, specifier, what, report)
    return
  }
  checkPackageImport(place, specifier, packages, what, report)
}

const checkOwnImport = (place: Place, target: string, what: string, report: Report): void => {
  const to = placeOf(target)
  if (place.file.startsWith("spec/tla-ts-bridge/")) {
    if (target.startsWith("spec/tla-ts-bridge/")) return
    report(what, "tla-ts-bridge is a package of its own and stands alone", "hand in what it needs from outside")
    return
  }
  if (to.top !== place.top && (to.top === "test" || to.top === "bench")) {
    // Measurements start the same servers as the tests against foreign ones do.
    const allowed = place.isTest || (place.top === "bench" && to.top === "test")
    if (!allowed) report(what, `only tests import ${to.top}`, "move what is shared into src")
    return
  }
  if (place.top !== "src") return
  if (to.top !== "src") {
    report(what, "src stands on src alone", "move what is shared into src")
    return
  }
  checkLayers(place, to, what, report)
}

const checkLayers = (from: Place, to: Place, what: string, report: Report): void => {
  const own = layers[from.layer ?? ""]
  const other = layers[to.layer ?? ""]
  if (own === undefined || other === undefined) {
    report(what, "every file of src lies in a layer", `use one of ${Object.keys(layers).join(", ")}`)
  } else if (from.layer !== to.layer && other >= own) {
    report(what, direction, `let ${from.layer} declare what it needs, and ${to.layer} hand it in`)
  }
}

const checkNodeImport = (place: Place, specifier: string, what: string, report: Report): void => {
  if (place.isTest) return
  if (place.layer === "domain") {
    report(what, "the domain is pure", "take the value in with the input")
  } else if (place.layer === "format" && specifier !== "node:zlib") {
    report(what, "formats are functions of bytes", "use Buffer and node:zlib, or move the code to src/infra")
  } else if (!place.isReal && !pureNodeModules.has(specifier.slice("node:".length))) {
    report(what, "only the real adapters touch the machine", "use the port in src/infra (disk, network, clock, random)")
  }
}

const checkPackageImport = (
  place: Place,
  specifier: string,
  packages: ReadonlySet<string>,
  what: string,
  report: Report,
): void => {
  const parts = specifier.split("/")
  const name = specifier.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0]!
  if (place.isTest && testPackages.has(name)) return
  if (!packages.has(name)) {
    report(what, `${name} is no runtime dependency`, "add it to package.json with an ADR, or do without")
  } else if (place.layer === "domain" && !place.isTest && !domainModules.has(specifier)) {
    report(what, "the domain takes only Schema, Result, Option and Order from effect", "keep to plain functions")
  } else if (name === "@effect/platform-node" && !place.isReal && !place.isTest) {
    report(what, "only the real adapters touch the machine", "use it in src/cli, or in a Node*.ts of src/infra")
  }
}

interface Rule {
  readonly pattern: RegExp
  readonly why: string
  readonly remedy: string
}

/** A name that stands for itself: neither a member of something, nor the key of a property. */
const bare = (names: string): string => `(?<![.\\w$#]|\\.\\s+)(?:${names})(?![\\w$]|\\??\\s*:(?!:))`

const useClock = "use the clock port (src/infra/clock), or take the time in with the input"

const machineRules: ReadonlyArray<Rule> = [
  {
    pattern: new RegExp(bare("setTimeout|setInterval|setImmediate|queueMicrotask"), "g"),
    remedy: "use Clock.after or Clock.soon (src/infra/clock)",
    why: "timers of the process do not stand still in a simulation",
  },
  {
    pattern: /\bprocess\.(?:hrtime|nextTick|uptime)\b/g,
    remedy: useClock,
    why: "time and turns of the process are not those of a simulation",
  },
  {
    pattern: /(?<![\w$])Date\.now\b|\bnew\s+Date\s*(?:\(\s*\)|(?![\s(\w$]))|(?<![.\w$]|new\s|new\s\s)Date\s*\(/g,
    remedy: useClock,
    why: "the process's clock is not that of a simulation",
  },
  { pattern: new RegExp(bare("performance"), "g"), remedy: useClock, why: "it is the process's clock" },
  {
    pattern: /\bMath\s*\.\s*random\b/g,
    remedy: "use the random port (src/infra/random), or take the number in with the input",
    why: "a run must be repeatable from its seed",
  },
  {
    pattern: /\b(?:randomBytes|randomUUID|randomInt|randomFill|randomFillSync|getRandomValues|webcrypto)\b/g,
    remedy: "use the random port (src/infra/random), or take the number in with the input",
    why: "a run must be repeatable from its seed",
  },
]

/** A moment may be written and read as a date in UTC; local time differs from machine to machine. */
const localTimeRule: Rule = {
  pattern:
    /\.\s*(?:(?:get|set)(?:Date|Day|FullYear|Hours|Milliseconds|Minutes|Month|Seconds|TimezoneOffset)|toLocale\w*|to(?:Date|Time)String)\b/g,
  remedy: "use toISOString or the UTC methods",
  why: "local time differs from machine to machine",
}

const pureRule = (names: string, why: string): Rule => ({
  pattern: new RegExp(bare(names), "g"),
  remedy: "take the value in with the input, or move the code to src/infra",
  why,
})

const rulesOf = (place: Place): ReadonlyArray<Rule> => {
  if (place.top !== "src" || place.isTest || place.isReal) return []
  if (place.layer === "domain") {
    return [...machineRules, pureRule("Date|process|console|Buffer|fetch|crypto|globalThis", "the domain is pure")]
  }
  if (place.layer === "format") {
    return [
      ...machineRules,
      localTimeRule,
      pureRule("process|console|fetch|crypto|globalThis", "formats are functions of bytes"),
    ]
  }
  return machineRules
}

interface Text {
  /** The source with comments and the insides of strings blanked out; offsets are those of the source. */
  readonly code: string
  readonly imports: ReadonlyArray<{ readonly at: number; readonly specifier: string }>
}

const readText = (source: string): Text => {
  const code = mask(source)
  const imports: Array<{ at: number; specifier: string }> = []
  const pattern = /(?<![.\w$])(?:from|import|import\s*\(|require\s*\()\s*(["'`])/g
  for (const match of code.matchAll(pattern)) {
    const start = match.index + match[0].length
    imports.push({ at: match.index, specifier: source.slice(start, code.indexOf(match[1]!, start)) })
  }
  return { code, imports }
}

/** After one of these a slash begins a regular expression; after anything else it divides. */
const beforeRegExp = /(?:^|[-+*%=<>!&|^~?:;,([{}]|\b(?:return|typeof|case|in|of|do|else|void|yield|await|throw))\s*$/

/** One pass over the source that knows strings, templates, comments and regular expressions. */
const mask = (source: string): string => {
  const out = source.split("")
  const blank = (from: number, to: number): void => {
    for (let at = from; at < to; at++) if (out[at] !== "\n") out[at] = " "
  }
  const skipTo = (from: number, pattern: RegExp): number => {
    pattern.lastIndex = from
    const match = pattern.exec(source)
    return match === null ? source.length : match.index + match[0].length
  }
  // The depth of braces at which each template's `${` opened.
  const templates: Array<number> = []
  let depth = 0
  let at = 0
  const inTemplate = (from: number): number => {
    const end = skipTo(from, /(?:[^\\`$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)/y)
    const opens = source[end - 1] === "{"
    blank(from, end - (opens ? 2 : 1))
    if (opens) templates.push(depth++)
    return end
  }
  while (at < source.length) {
    const two = source.slice(at, at + 2)
    const one = source[at]!
    if (two === "//" || two === "/*") {
      const end = two === "//" ? skipTo(at, /[^\n]*/y) : skipTo(at, /\/\*[\s\S]*?\*\//y)
      blank(at, end)
      at = end
    } else if (one === '"' || one === "'") {
      const end = skipTo(at, one === '"' ? /"(?:[^"\\\n]|\\[\s\S])*"?/y : /'(?:[^'\\\n]|\\[\s\S])*'?/y)
      blank(at + 1, end - 1)
      at = end
    } else if (one === "`") {
      at = inTemplate(at + 1)
    } else if (one === "/" && beforeRegExp.test(out.slice(Math.max(0, at - 40), at).join(""))) {
      const end = skipTo(at, /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y)
      blank(at + 1, end - 1)
      at = end
    } else if (one === "{") {
      depth++
      at++
    } else if (one === "}") {
      depth--
      at++
      if (templates.at(-1) === depth) {
        templates.pop()
        at = inTemplate(at)
      }
    } else at++
  }
  return out.join("")
}

const skipped = new Set(["node_modules", "dist", "coverage", "golden", "target", ".git", ".cache"])

const filesUnder = (root: string, folder: string): ReadonlyArray<string> =>
  fs
    .readdirSync(path.join(root, folder), { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const name = folder === "" ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) return skipped.has(entry.name) ? [] : filesUnder(root, name)
      return entry.name.endsWith(".ts") ? [name] : []
    })

export const print = ({ file, line, remedy, what, why }: Violation): string =>
  `${file}:${line}: ${what}: ${why}; ${remedy}`

if (import.meta.main) {
  const violations = checkTree(process.argv[2] ?? path.join(import.meta.dirname, ".."))
  for (const violation of violations) console.error(print(violation))
  if (violations.length > 0) {
    console.error(`${violations.length} breaches of the walls`)
    process.exitCode = 1
  }
}
