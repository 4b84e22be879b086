/** Checks a model: finds TLC, runs it if this very model was not run before, reads its verdict. */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { openCache } from "./Cache.ts"
import { keyOf, type Model, readSources } from "./Model.ts"
import { findTlc, jarSha256, type NoTlc, runTlc, type Tlc } from "./Tlc.ts"
import { type CheckResult, readVerdict } from "./Verdict.ts"

export interface CheckOptions {
  /** Where results are kept; `spec/.cache` if left out. */
  readonly cache?: string
  readonly tlc?: Tlc | NoTlc
}

export const defaultTimeoutMs = 300_000
export const defaultCache = fileURLToPath(new URL("../../.cache", import.meta.url))

/**
 * Checks the model with TLC, or answers from the cache; `NoTlc` if there is none here. Never rejects for what TLC says;
 * throws a ModelError if the model does not fit its files.
 */
export const checkSpec = async (model: Model, options: CheckOptions = {}): Promise<CheckResult> => {
  const tlc = options.tlc ?? findTlc()
  const sources = readSources(model)
  if (tlc._tag === "NoTlc") return tlc
  const cache = openCache(options.cache ?? defaultCache)
  const key = keyOf(sources, [jarSha256, bridgeSha256(), model.module])
  const known = cache.get(key)
  if (known !== undefined) return known as CheckResult
  const timeoutMs = model.timeoutMs ?? defaultTimeoutMs
  const ran = await cache.alone(() =>
    runTlc(tlc, { config: sources.config, files: sources.files, module: model.module, timeoutMs }),
  )
  if (ran.exitCode === undefined) return { _tag: "Failed", reason: `not done after ${timeoutMs} ms` }
  const result = readVerdict(ran.output, sources.properties)
  // A failure may be this machine's: the next run may do better.
  if (result._tag !== "Failed") cache.put(key, result)
  return result
}

let bridge: string | undefined

/** Another bridge may read another verdict: what it was made of is part of every key. */
export const bridgeSha256 = (): string => {
  const folder = fileURLToPath(new URL(".", import.meta.url))
  bridge ??= readdirSync(folder)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .toSorted()
    .reduce((hash, name) => hash.update(readFileSync(join(folder, name))), createHash("sha256"))
    .digest("hex")
  return bridge
}
