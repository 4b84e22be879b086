import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { lookForTlc } from "./Tlc.ts"

const scratch = mkdtempSync(join(tmpdir(), "tla-ts-bridge-"))
afterAll(() => rmSync(scratch, { force: true, recursive: true }))

const write = (name: string, files: Readonly<Record<string, string>>): string => {
  const path = join(scratch, name)
  mkdirSync(path, { recursive: true })
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text)
  return path
}

describe("lookForTlc", () => {
  const java = write("java/bin", { java: "" })
  const env = { JAVA_HOME: join(java, ".."), PATH: scratch }

  it("says what is missing", () => {
    expect(lookForTlc({ env: { PATH: scratch }, home: scratch })).toMatchObject({ reason: /no java/ })
    expect(lookForTlc({ env, home: scratch })).toMatchObject({ reason: /no mvn/ })
    expect(lookForTlc({ env: { ...env, TLC_JAR: "/nowhere.jar" }, home: scratch })).toMatchObject({ reason: /read/ })
  })

  it("does not run a jar that it does not know", () => {
    const jar = join(write("jar", { "tlc.jar": "not TLC" }), "tlc.jar")
    expect(lookForTlc({ env: { ...env, TLC_JAR: jar }, home: scratch })).toMatchObject({
      _tag: "NoTlc",
      reason: /sha256/,
    })
  })
})
