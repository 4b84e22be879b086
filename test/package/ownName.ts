/** Loaded before a snippet: lets it import the package by its name, from the sources. */
import * as fs from "node:fs"
import { registerHooks } from "node:module"

const root = new URL("../../", import.meta.url)
const { exports } = JSON.parse(fs.readFileSync(new URL("package.json", root), "utf8")) as {
  readonly exports: Readonly<Record<string, { readonly default: string }>>
}

registerHooks({
  resolve: (specifier, context, next) => {
    const built = /^gantry-mq(?:\/|$)/.test(specifier) ? exports[specifier.replace("gantry-mq", ".")] : undefined
    if (built !== undefined)
      return next(new URL(built.default.replace("/dist/", "/src/").replace(/js$/, "ts"), root).href)
    return next(specifier, context)
  },
})
