import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { openCache } from "./Cache.ts"

const scratch = mkdtempSync(join(tmpdir(), "tla-ts-bridge-"))
afterAll(() => rmSync(scratch, { force: true, recursive: true }))

const write = (name: string, files: Readonly<Record<string, string>>): string => {
  const path = join(scratch, name)
  mkdirSync(path, { recursive: true })
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text)
  return path
}

describe("Cache", () => {
  it("alone: never runs two at once, and takes over the lock of a process that is gone", async () => {
    const path = write("lock", { lock: String(2 ** 22 + 1) })
    const cache = openCache(path)
    let running = 0
    const work = async (): Promise<number> => {
      running++
      await new Promise((resolve) => setTimeout(resolve, 5))
      return running--
    }
    expect(await Promise.all([cache.alone(work), openCache(path).alone(work), cache.alone(work)])).toEqual([1, 1, 1])
    await expect(cache.alone(() => Promise.reject(new Error("no")))).rejects.toThrow("no")
    expect(readdirSync(path)).toEqual([])
  })

  it("harmless: a broken file is no result", () => {
    const cache = openCache(write("broken", { "key.json": "{" }))
    expect(cache.get("key")).toBeUndefined()
    cache.put("key", { a: 1 })
    expect(cache.get("key")).toEqual({ a: 1 })
  })
})
