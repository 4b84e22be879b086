/** The disk of this machine, by `node:fs`. Asynchronous calls go to the four threads of libuv's pool. */
import * as fs from "node:fs"
import * as path from "node:path"
import { type Disk, DiskError, type DiskFile, type DiskReason, type Done, type OpenMode } from "./Disk.ts"
import { lockByFile, lockBySocket, recordLockHolder } from "./NodeLock.ts"

const openFlags: Readonly<Record<OpenMode, number>> = {
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
}

export const nodeDisk: Disk = {
  exists: (name) => fs.existsSync(name),
  list: (directory) => attempt("list", directory, () => listNames(directory)),
  lock: (name, done) => (process.platform === "linux" ? lockBySocket : lockByFile)(canonical(name), done),
  recordLockHolder,
  makeDirectory: (name) => attempt("makeDirectory", name, () => makeFolder(path.resolve(name))),
  open: (name, mode) => attempt("open", name, () => openFile(name, mode)),
  remove: (name) => attempt("remove", name, () => removeEntry(name)),
  rename: (source, target) => attempt("rename", source, () => fs.renameSync(source, target)),
  syncDirectory: (name) => attempt("syncDirectory", name, () => syncFolder(name)),
  usage: (name) =>
    attempt("usage", name, () => {
      const stats = fs.statfsSync(name)
      return { freeBytes: stats.bavail * stats.bsize, totalBytes: stats.blocks * stats.bsize }
    }),
}

/** One folder has many names, and its lock must have one. */
const canonical = (name: string): string => (fs.existsSync(name) ? fs.realpathSync(name) : path.resolve(name))

/** Not by `recursive: true`: where a folder cannot have children, such as /proc, Node 26 never comes back from it. */
const makeFolder = (name: string): void => {
  if (fs.existsSync(name)) {
    // A file in the way is the caller's mistake to hear of.
    if (!fs.statSync(name).isDirectory()) fs.mkdirSync(name)
    return
  }
  makeFolder(path.dirname(name))
  fs.mkdirSync(name)
}

const openFile = (name: string, mode: OpenMode): DiskFile => {
  const descriptor = fs.openSync(name, openFlags[mode], 0o644)
  if (fs.fstatSync(descriptor).isFile()) return new NodeFile(path.resolve(name), descriptor, mode)
  fs.closeSync(descriptor)
  throw new DiskError("Io", "open", name, "not a file")
}

const listNames = (directory: string): ReadonlyArray<string> => {
  // The default order of `sort` is by code unit, as the port asks for.
  if (fs.existsSync(directory)) return fs.readdirSync(directory).toSorted()
  return []
}

const removeEntry = (name: string): void => {
  const stats = fs.lstatSync(name, { throwIfNoEntry: false })
  if (stats === undefined) return
  if (stats.isDirectory()) fs.rmdirSync(name)
  else fs.unlinkSync(name)
}

const syncFolder = (name: string): void => {
  // Windows cannot open a folder to sync it; NTFS journals its names by itself.
  if (process.platform === "win32") return
  const descriptor = fs.openSync(name, fs.constants.O_RDONLY)
  try {
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

/**
 * An open file. Its descriptor is closed only when the last call under way has ended: the operating system gives the
 * number of a closed one to the next file that is opened, and a late write would land there.
 */
class NodeFile implements DiskFile {
  readonly path: string
  readonly #descriptor: number
  readonly #mode: OpenMode
  #underWay = 0
  #closed = false

  constructor(name: string, descriptor: number, mode: OpenMode) {
    this.path = name
    this.#descriptor = descriptor
    this.#mode = mode
  }

  sizeBytes(): number {
    return this.#now("sizeBytes", (descriptor) => fs.fstatSync(descriptor).size)
  }

  read(target: Buffer, position: number, done: (error: DiskError | undefined, bytesRead: number) => void): void {
    const descriptor = this.#begin()
    let total = 0
    const next = (): void => {
      fs.read(descriptor, target, total, target.length - total, position + total, (error, bytesRead) => {
        if (error !== null) return this.#end(() => done(toDiskError(error, "read", this.path), total))
        total += bytesRead
        if (bytesRead > 0 && total < target.length) return next()
        return this.#end(() => done(undefined, total))
      })
    }
    next()
  }

  readSync(target: Buffer, position: number): number {
    return this.#now("read", (descriptor) => {
      let total = 0
      while (total < target.length) {
        const bytesRead = fs.readSync(descriptor, target, total, target.length - total, position + total)
        if (bytesRead === 0) break
        total += bytesRead
      }
      return total
    })
  }

  write(source: Buffer, position: number, done: Done): void {
    const descriptor = this.#begin()
    let total = 0
    const next = (): void => {
      fs.write(descriptor, source, total, source.length - total, position + total, (error, written) => {
        if (error !== null) return this.#end(() => done(toDiskError(error, "write", this.path)))
        total += written
        // A short write is no error to the system: the rest is tried again and then fails with its reason.
        if (total < source.length) return next()
        return this.#end(() => done(undefined))
      })
    }
    next()
  }

  writeSync(source: Buffer, position: number): void {
    this.#now("write", (descriptor) => {
      let total = 0
      while (total < source.length) {
        total += fs.writeSync(descriptor, source, total, source.length - total, position + total)
      }
    })
  }

  sync(done: Done): void {
    fs.fdatasync(this.#begin(), (error) =>
      this.#end(() => done(error === null ? undefined : toDiskError(error, "sync", this.path))),
    )
  }

  syncSync(): void {
    this.#now("sync", (descriptor) => fs.fdatasyncSync(descriptor))
  }

  truncate(sizeBytes: number): void {
    this.#now("truncate", (descriptor) => {
      // A descriptor opened for reading answers EINVAL, which would read as a fault of the disk.
      if (this.#mode === "read") throw new DiskError("Denied", "truncate", this.path, "opened for reading")
      fs.ftruncateSync(descriptor, sizeBytes)
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#underWay === 0) fs.closeSync(this.#descriptor)
  }

  #now<A>(operation: string, run: (descriptor: number) => A): A {
    this.#checkOpen()
    return attempt(operation, this.path, () => run(this.#descriptor))
  }

  #begin(): number {
    this.#checkOpen()
    this.#underWay++
    return this.#descriptor
  }

  #end(tell: () => void): void {
    this.#underWay--
    if (this.#closed && this.#underWay === 0) fs.closeSync(this.#descriptor)
    tell()
  }

  #checkOpen(): void {
    if (this.#closed) throw new Error(`${this.path} is used after it was closed`)
  }
}

const attempt = <A>(operation: string, name: string, run: () => A): A => {
  try {
    return run()
  } catch (error) {
    throw toDiskError(error, operation, name)
  }
}

const toDiskError = (error: unknown, operation: string, name: string): DiskError => {
  if (error instanceof DiskError) return error
  const code = (error as NodeJS.ErrnoException).code
  return new DiskError(reasonOf(code), operation, name, code ?? String(error))
}

const reasonOf = (code: string | undefined): DiskReason => {
  switch (code) {
    case "ENOENT":
      return "NotFound"
    case "EEXIST":
    case "ENOTEMPTY":
      return "Exists"
    case "ENOSPC":
    case "EDQUOT":
      return "NoSpace"
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "EBADF":
      return "Denied"
    default:
      return "Io"
  }
}
