/**
 * Results of earlier runs, one JSON file a key, in a folder that git ignores; and a lock, because a run of TLC takes a
 * core and up to 1 GB: one at a time.
 *
 *   exact      a result is found under the hash of everything that decided it, or not at all
 *   harmless   a file that cannot be read is as good as none: the model is run again
 */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

export interface Cache {
  readonly get: (key: string) => unknown
  readonly put: (key: string, result: object) => void
  /** Runs `work` while nobody else who uses the same folder does. */
  readonly alone: <A>(work: () => Promise<A>) => Promise<A>
}

const lockPollMs = 50
/** Longer than any run: an older lock was left behind by a machine that went down. */
const lockAgeMsMax = 3_600_000

export const openCache = (folder: string): Cache => {
  mkdirSync(folder, { recursive: true })
  const file = (key: string): string => join(folder, `${key}.json`)
  const lock = join(folder, "lock")
  return {
    alone: async (work) => {
      while (!takeLock(lock)) await sleep(lockPollMs)
      try {
        return await work()
      } finally {
        rmSync(lock, { force: true })
      }
    },
    get: (key) => {
      try {
        return JSON.parse(readFileSync(file(key), "utf8")) as unknown
      } catch {
        return undefined
      }
    },
    put: (key, result) => {
      const temporary = `${file(key)}.${process.pid}`
      writeFileSync(temporary, JSON.stringify(result))
      renameSync(temporary, file(key))
    },
  }
}

const takeLock = (lock: string): boolean => {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" })
    return true
  } catch {
    if (isStale(lock)) rmSync(lock, { force: true })
    return false
  }
}

const isStale = (lock: string): boolean => {
  try {
    if (Date.now() - statSync(lock).mtimeMs > lockAgeMsMax) return true
    const holder = Number(readFileSync(lock, "utf8"))
    // An empty file is a lock whose owner has not written its number yet.
    return holder > 0 && !isAlive(holder)
  } catch {
    return false
  }
}

const isAlive = (processId: number): boolean => {
  try {
    process.kill(processId, 0)
    return true
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code !== "ESRCH"
  }
}
