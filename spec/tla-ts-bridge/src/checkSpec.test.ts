import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { checkSpec } from "./checkSpec.ts"
import { type Model, ModelError } from "./Model.ts"
import { findTlc, type Tlc } from "./Tlc.ts"

const scratch = mkdtempSync(join(tmpdir(), "tla-ts-bridge-"))
afterAll(() => rmSync(scratch, { force: true, recursive: true }))

const folder = fileURLToPath(new URL("../golden/", import.meta.url))
const counter: Model = { folder, module: "Counter" }
const timeout = 300_000

describe("checkSpec", () => {
  it("says that there is no TLC, but reads the model all the same", async () => {
    const tlc = { _tag: "NoTlc", reason: "none here" } as const
    expect(await checkSpec(counter, { tlc })).toEqual(tlc)
    await expect(checkSpec({ ...counter, constants: { Mod: "1" } }, { tlc })).rejects.toThrow(ModelError)
  })

  const tlc = findTlc()
  if (tlc._tag === "NoTlc") {
    console.log(`TLC was not found, it is not run: ${tlc.reason}`)
    return
  }

  it("runs TLC once for one model, and again when the model changes", { timeout }, async () => {
    const cache = join(scratch, "cache")
    const nowhere: Tlc = { ...tlc, java: join(scratch, "no-java") }
    const small = { ...counter, only: "Small" }
    const result = await checkSpec(small, { cache, tlc })
    expect(result).toMatchObject({ _tag: "Violated", invariant: "Small", trace: { length: 3 } })
    expect(await checkSpec(small, { cache, tlc: nowhere })).toEqual(result)
    await expect(checkSpec({ ...small, only: "Down" }, { cache, tlc: nowhere })).rejects.toThrow("ENOENT")
  })

  it("ends a run that takes too long, and remembers nothing of it", { timeout }, async () => {
    const cache = join(scratch, "late")
    expect(await checkSpec({ ...counter, timeoutMs: 1 }, { cache, tlc })).toMatchObject({ _tag: "Failed" })
    expect(readdirSync(cache)).toEqual([])
  })
})
