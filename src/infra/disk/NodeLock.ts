/** Locks between processes of one machine. Node has no file locks, so a name in the kernel's socket table serves. */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"

type Taken = (release: (() => void) | undefined) => void

/** Socket paths are short (108 bytes) and names are long: the hash of the name stands for it. */
const hashed = (name: string): string => createHash("sha256").update(name).digest("hex").slice(0, 32)

/**
 * Linux: a socket in the abstract namespace, which exists exactly as long as a process holds it, so that no kill and
 * no power cut leaves it behind. It is seen within one network namespace: two containers that share a folder but
 * not their network do not see each other's lock.
 */
export const lockBySocket = (name: string, done: Taken): void => {
  const server = net.createServer((socket) => socket.destroy())
  // Any failure to take the name means that the lock is not ours; the address being in use is the usual one.
  server.once("error", () => done(undefined))
  server.listen({ path: `\0gantry-${hashed(name)}` }, () => {
    server.unref()
    done(() => {
      server.close()
    })
  })
}

/**
 * Elsewhere: a file that names the holder's process id. A file of a process that is gone is taken over; a process id
 * that was given to another process since then keeps the lock until the file is removed by hand.
 */
export const lockByFile = (name: string, done: Taken): void => {
  const file = path.join(os.tmpdir(), `gantry-${hashed(name)}.lock`)
  const mine = `${process.pid}`
  const taken = tryCreate(file, mine) || (holderIsGone(file) && takeOver(file, mine))
  setImmediate(() => done(taken ? () => fs.rmSync(file, { force: true }) : undefined))
}

const tryCreate = (file: string, content: string): boolean => {
  try {
    fs.writeFileSync(file, content, { flag: "wx" })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  }
}

const takeOver = (file: string, mine: string): boolean => {
  fs.rmSync(file, { force: true })
  return tryCreate(file, mine) && readIfPresent(file) === mine
}

const holderIsGone = (file: string): boolean => {
  const holder = Number(readIfPresent(file))
  // A file that is gone, or that its maker has not filled yet: somebody else is at it just now.
  if (!Number.isSafeInteger(holder) || holder <= 0) return false
  try {
    process.kill(holder, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH"
  }
}

const readIfPresent = (file: string): string => {
  try {
    return fs.readFileSync(file, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return ""
    throw error
  }
}

/**
 * Who holds a POSIX record lock on a file. Node cannot ask the kernel for one lock, but Linux lists them all:
 * `1: POSIX  ADVISORY  WRITE <pid> <major>:<minor>:<inode> <start> <end>`, device numbers in hexadecimal.
 */
export const recordLockHolder = (name: string): number | undefined => {
  let table: string
  let inode: bigint
  let device: bigint
  try {
    table = fs.readFileSync("/proc/locks", "latin1")
    ;({ dev: device, ino: inode } = fs.statSync(name, { bigint: true }))
  } catch {
    // No such table on this system, or no such file: nobody is known to hold it.
    return undefined
  }
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn)
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn)
  const wanted = `${twoDigits(major)}:${twoDigits(minor)}:${inode}`
  for (const line of table.split("\n")) {
    const fields = line.trim().split(/\s+/)
    if (fields[1] === "POSIX" && fields[5] === wanted) return Number(fields[4])
  }
  return undefined
}

const twoDigits = (value: bigint): string => value.toString(16).padStart(2, "0")
