/**
 * A simulated disk: the port on a `Volume`, with seeded latency, injected faults, and power cuts. Asynchronous calls
 * take effect when they complete, in the order of their completions; until then a power cut may leave any part of
 * them. After a cut the old disk is dead: its callbacks never run, and its blocking calls throw `Crashed`.
 */
import { crc32 } from "node:zlib"
import {
  type Disk,
  DiskError,
  type DiskFile,
  type DiskReason,
  type DiskUsage,
  type Done,
  type OpenMode,
} from "./Disk.ts"
import type { DiskCall, DiskFault, DiskFaults, DiskOperation } from "./DiskFaults.ts"
import { type Choose, type FileChange, type FileNode, type FolderNode, type Node, Volume } from "./Volume.ts"

export interface SimDiskOptions {
  /** Runs `run` when the disk has done this much work; a SimProcess drops it when the node is dead. */
  readonly later: (call: DiskCall, run: () => void) => void
  readonly faults?: DiskFaults | undefined
  /**
   * Called before the n-th (from 1) write, sync or change of names takes effect, blocking or not: the places where a
   * test cuts the power. After a cut made here the call that follows does nothing.
   */
  readonly onBoundary?: ((n: number, call: DiskCall) => void) | undefined
  readonly capacityBytes?: number | undefined
  /** Told of each call that took effect, for the trace. */
  readonly record?: ((what: string, value: number, bytes?: Uint8Array) => void) | undefined
}

/** Small chunks make the copies that crash tests take cheap; a disk that is never copied wants larger ones. */
export const simChunkBytes = 4096

const defaultCapacityBytes = 2 ** 40

export class SimDisk implements Disk {
  readonly #volume: Volume
  readonly #options: SimDiskOptions
  readonly #locks = new Set<string>()
  #alive = true
  #boundaries = 0

  constructor(options: SimDiskOptions, volume: Volume = new Volume(simChunkBytes, true)) {
    this.#options = options
    this.#volume = volume
  }

  get alive(): boolean {
    return this.#alive
  }

  /** How many boundaries this disk has passed. */
  get boundaries(): number {
    return this.#boundaries
  }

  /**
   * Cuts the power: this disk is dead, and the answer is a new one on what survived. `options` are those of the new
   * disk; by default faults and the boundary hook are gone.
   */
  powerCut(choose: Choose, options: SimDiskOptions = { later: this.#options.later }): SimDisk {
    this.#alive = false
    return new SimDisk(options, this.#volume.survivor(choose))
  }

  /** A new disk on what a power cut at this moment could leave; this one goes on. */
  survivor(choose: Choose, options: SimDiskOptions = { later: this.#options.later }): SimDisk {
    return new SimDisk(options, this.#volume.survivor(choose))
  }

  /**
   * Kills the process and not the machine: what was written is still there, and what was not synced can still be
   * lost by a power cut later. Writes under way took place or not.
   */
  processKill(choose: Choose, options: SimDiskOptions = { later: this.#options.later }): SimDisk {
    this.#alive = false
    this.#volume.endPrograms(choose)
    return new SimDisk(options, this.#volume)
  }

  /** The same content under other options, as a machine mounts its disk when it starts; this disk is dead. */
  remount(options: SimDiskOptions): SimDisk {
    this.#alive = false
    return new SimDisk(options, this.#volume)
  }

  /** A copy of what is readable now; cheap, and not touched by what happens here later. */
  snapshot(): DiskSnapshot {
    return { volume: this.#volume.copy() }
  }

  /** A new disk that starts from a snapshot, all of it durable. */
  static restore(snapshot: DiskSnapshot, options: SimDiskOptions): SimDisk {
    return new SimDisk(options, snapshot.volume.copy())
  }

  /** Flips bits of one stored byte, as rot of the media does. */
  corrupt(path: string, position: number, mask = 1): void {
    this.#volume.rot(this.#file(path, "corrupt"), position, mask)
  }

  readonly open = (path: string, mode: OpenMode): DiskFile => {
    const place = this.#locate(path, "open")
    let node = place.node
    if (node === undefined) {
      if (mode !== "create") throw new DiskError("NotFound", "open", path)
      this.#begin("create", path)
      node = this.#volume.makeFile()
      this.#volume.assign({ folder: place.folder, name: place.name, node })
    }
    if (node.kind === "folder") throw new DiskError("Io", "open", path, "not a file")
    node.openCount++
    return new SimFile(this, this.#volume, node, `/${place.parts.join("/")}`, mode)
  }

  readonly exists = (path: string): boolean => {
    this.#checkAlive("exists", path)
    return this.#node(parse(path)) !== undefined
  }

  readonly list = (directory: string): ReadonlyArray<string> => {
    this.#checkAlive("list", directory)
    const node = this.#node(parse(directory))
    if (node?.kind === "file") throw new DiskError("Io", "list", directory, "not a folder")
    // The default order of `sort` is by code unit, as the port asks for.
    return node === undefined ? [] : [...node.entries.keys()].toSorted()
  }

  readonly makeDirectory = (path: string): void => {
    this.#checkAlive("makeDirectory", path)
    let folder = this.#volume.root
    for (const name of parse(path)) {
      let node = folder.entries.get(name)
      if (node === undefined) {
        this.#begin("makeDirectory", path)
        node = { durable: new Map(), entries: new Map(), kind: "folder" }
        this.#volume.assign({ folder, name, node })
      }
      if (node.kind === "file") throw new DiskError("Exists", "makeDirectory", path, `${name} is a file`)
      folder = node
    }
  }

  readonly rename = (source: string, target: string): void => {
    const from = this.#locate(source, "rename")
    const to = this.#locate(target, "rename")
    if (from.node === undefined) throw new DiskError("NotFound", "rename", source)
    if (to.node?.kind === "folder") throw new DiskError("Exists", "rename", target)
    this.#begin("rename", source)
    if (from.node === to.node) return
    this.#volume.assign(
      { folder: from.folder, name: from.name, node: undefined },
      { folder: to.folder, name: to.name, node: from.node },
    )
    if (to.node !== undefined) this.#volume.release(to.node)
  }

  readonly remove = (path: string): void => {
    this.#checkAlive("remove", path)
    const parts = parse(path)
    const node = this.#node(parts)
    const folder = this.#node(parts.slice(0, -1))
    if (node === undefined || folder?.kind !== "folder") return
    if (node.kind === "folder" && node.entries.size > 0) {
      throw new DiskError("Exists", "remove", path, "the folder is not empty")
    }
    this.#begin("remove", path)
    this.#volume.assign({ folder, name: parts.at(-1)!, node: undefined })
    if (node.kind === "file") this.#volume.release(node)
  }

  readonly syncDirectory = (path: string): void => {
    this.#checkAlive("syncDirectory", path)
    const node = this.#node(parse(path))
    if (node === undefined) throw new DiskError("NotFound", "syncDirectory", path)
    if (node.kind === "file") throw new DiskError("Io", "syncDirectory", path, "not a folder")
    this.#begin("syncDirectory", path)
    this.#volume.syncFolder(node)
  }

  readonly usage = (path: string): DiskUsage => {
    this.#checkAlive("usage", path)
    const totalBytes = this.#options.capacityBytes ?? defaultCapacityBytes
    return { freeBytes: Math.max(0, totalBytes - this.#volume.allocatedBytes), totalBytes }
  }

  /** No other program runs in the simulation. */
  readonly recordLockHolder = (): undefined => undefined

  readonly lock = (name: string, done: (release: (() => void) | undefined) => void): void => {
    this.#checkAlive("lock", name)
    const free = !this.#locks.has(name)
    this.#locks.add(name)
    this.later({ operation: "read", path: name, position: 0, sizeBytes: 0 }, () =>
      done(free ? () => void this.#locks.delete(name) : undefined),
    )
  }

  /** For this module's files: passes a boundary and asks for faults. Undefined when the disk is dead. */
  enter(operation: DiskOperation, path: string, position = 0, sizeBytes = 0): Entered | undefined {
    if (!this.#alive) return undefined
    const call = { operation, path, position, sizeBytes }
    if (operation !== "read") this.#options.onBoundary?.(++this.#boundaries, call)
    if (!this.#alive) return undefined
    return { call, fault: this.#options.faults?.strike(call) }
  }

  /** For this module's files: runs `run` when the call is done, unless the power was cut. */
  later(call: DiskCall, run: () => void): void {
    this.#options.later(call, () => {
      if (this.#alive) run()
    })
  }

  /** For this module's files: writes what the fault leaves of a write. */
  perform(file: FileNode, source: Uint8Array, { call, fault }: Entered): DiskReason | undefined {
    const { position } = call
    const capacityBytes = this.#options.capacityBytes ?? defaultCapacityBytes
    if (this.#volume.allocatedBytes + file.cached.missingBytes(position, source.length) > capacityBytes) {
      return "NoSpace"
    }
    this.record(call, source)
    const put = (bytes: Uint8Array, at: number): void =>
      this.#volume.change(file, { bytes, kind: "write", position: at })
    if (fault === undefined) {
      put(source, position)
      return undefined
    }
    switch (fault.kind) {
      case "fail":
        return fault.reason
      case "partial":
        put(source.subarray(0, fault.sizeBytes), position)
        return fault.reason
      case "flip":
        put(flipped(source, fault.bit), position)
        return undefined
      case "misdirect":
        put(source, fault.position)
        return undefined
      case "drop":
        throw misfit(fault, call)
    }
  }

  /** For this module's files: tells the trace. */
  record(call: DiskCall, bytes?: Uint8Array): void {
    if (this.#options.record === undefined) return
    this.#options.record(`${call.operation} ${call.path}`, call.position, bytes)
  }

  #begin(operation: DiskOperation, path: string): void {
    const entered = this.enter(operation, path)
    if (entered === undefined) throw new DiskError("Crashed", operation, path)
    if (entered.fault?.kind === "fail") throw new DiskError(entered.fault.reason, operation, path, "injected")
    if (entered.fault !== undefined) throw misfit(entered.fault, entered.call)
    this.record(entered.call)
  }

  #checkAlive(operation: string, path: string): void {
    if (!this.#alive) throw new DiskError("Crashed", operation, path)
  }

  #node(parts: ReadonlyArray<string>): Node | undefined {
    let node: Node | undefined = this.#volume.root
    for (const part of parts) {
      if (node?.kind !== "folder") return undefined
      node = node.entries.get(part)
    }
    return node
  }

  #file(path: string, operation: string): FileNode {
    const node = this.#node(parse(path))
    if (node?.kind !== "file") throw new DiskError("NotFound", operation, path)
    return node
  }

  #locate(path: string, operation: string): Place {
    this.#checkAlive(operation, path)
    const parts = parse(path)
    const folder = this.#node(parts.slice(0, -1))
    const name = parts.at(-1)
    if (name === undefined || folder?.kind !== "folder") throw new DiskError("NotFound", operation, path)
    return { folder, name, node: folder.entries.get(name), parts }
  }
}

/** What a disk held at one moment. Immutable. */
export interface DiskSnapshot {
  readonly volume: Volume
}

interface Entered {
  readonly call: DiskCall
  readonly fault: DiskFault | undefined
}

interface Place {
  readonly folder: FolderNode
  readonly name: string
  readonly node: Node | undefined
  readonly parts: ReadonlyArray<string>
}

class SimFile implements DiskFile {
  readonly path: string
  readonly #disk: SimDisk
  readonly #volume: Volume
  readonly #node: FileNode
  readonly #mode: OpenMode
  #closed = false

  constructor(disk: SimDisk, volume: Volume, node: FileNode, path: string, mode: OpenMode) {
    this.#disk = disk
    this.#volume = volume
    this.#node = node
    this.path = path
    this.#mode = mode
  }

  sizeBytes(): number {
    this.#checkOpen()
    return this.#node.cached.sizeBytes
  }

  read(target: Buffer, position: number, done: (error: DiskError | undefined, bytesRead: number) => void): void {
    const entered = this.#enter("read", position, target.length)
    if (entered === undefined) return
    this.#disk.later(entered.call, () => {
      const { bytesRead, reason } = this.#fill(target, entered)
      done(this.#error(reason, "read"), bytesRead)
    })
  }

  readSync(target: Buffer, position: number): number {
    const { bytesRead, reason } = this.#fill(target, this.#enterNow("read", position, target.length))
    this.#throw(reason, "read")
    return bytesRead
  }

  write(source: Buffer, position: number, done: Done): void {
    const entered = this.#enter("write", position, source.length)
    if (entered === undefined) return
    if (this.#mode === "read") {
      this.#disk.later(entered.call, () => done(this.#error("Denied", "write")))
      return
    }
    const change: FileChange = { bytes: source, kind: "write", position }
    const before = this.#volume.journaled ? crc32(source) : 0
    if (source.length > 0) this.#node.underWay.add(change)
    this.#disk.later(entered.call, () => {
      this.#node.underWay.delete(change)
      if (this.#volume.journaled && crc32(source) !== before) {
        throw new Error(`${this.path}: a buffer was changed while its write at ${position} was under way`)
      }
      done(this.#error(this.#disk.perform(this.#node, source, entered), "write"))
    })
  }

  writeSync(source: Buffer, position: number): void {
    const entered = this.#enterNow("write", position, source.length)
    this.#throw(this.#mode === "read" ? "Denied" : this.#disk.perform(this.#node, source, entered), "write")
  }

  sync(done: Done): void {
    const entered = this.#enter("sync")
    if (entered === undefined) return
    // Only what was written when the sync began is sure to be covered by it.
    const mark = this.#volume.mark(this.#node)
    this.#disk.later(entered.call, () => done(this.#error(this.#settle(entered, mark), "sync")))
  }

  syncSync(): void {
    const entered = this.#enterNow("sync")
    this.#throw(this.#settle(entered, this.#volume.mark(this.#node)), "sync")
  }

  truncate(sizeBytes: number): void {
    const { call, fault } = this.#enterNow("truncate", 0, sizeBytes)
    if (fault?.kind === "fail") this.#throw(fault.reason, "truncate")
    else if (fault !== undefined) throw misfit(fault, call)
    if (this.#mode === "read") this.#throw("Denied", "truncate")
    this.#disk.record(call)
    this.#volume.change(this.#node, { kind: "size", sizeBytes })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (!this.#disk.alive) return
    this.#node.openCount--
    this.#volume.release(this.#node)
  }

  #fill(target: Buffer, { call, fault }: Entered): { bytesRead: number; reason: DiskReason | undefined } {
    if (fault?.kind === "fail") return { bytesRead: 0, reason: fault.reason }
    const bytesRead = this.#node.cached.read(target, call.position)
    if (fault?.kind === "flip") flipped(target.subarray(0, bytesRead), fault.bit).copy(target)
    else if (fault !== undefined) throw misfit(fault, call)
    return { bytesRead, reason: undefined }
  }

  #settle({ call, fault }: Entered, mark: number): DiskReason | undefined {
    this.#disk.record(call)
    if (fault === undefined) this.#volume.settle(this.#node, mark)
    else if (fault.kind === "drop") this.#volume.drop(this.#node, mark)
    else if (fault.kind !== "fail") throw misfit(fault, call)
    if (fault === undefined) return undefined
    return fault.kind === "fail" ? fault.reason : "Io"
  }

  #enter(operation: DiskOperation, position = 0, sizeBytes = 0): Entered | undefined {
    this.#checkOpen()
    return this.#disk.enter(operation, this.path, position, sizeBytes)
  }

  #enterNow(operation: DiskOperation, position = 0, sizeBytes = 0): Entered {
    const entered = this.#enter(operation, position, sizeBytes)
    if (entered === undefined) throw new DiskError("Crashed", operation, this.path)
    return entered
  }

  #error(reason: DiskReason | undefined, operation: string): DiskError | undefined {
    return reason === undefined ? undefined : new DiskError(reason, operation, this.path, "simulated")
  }

  #throw(reason: DiskReason | undefined, operation: string): void {
    const error = this.#error(reason, operation)
    if (error !== undefined) throw error
  }

  #checkOpen(): void {
    if (this.#closed) throw new Error(`${this.path} is used after it was closed`)
  }
}

/** The parts of a path from the root; a relative one counts from there too. */
const parse = (path: string): ReadonlyArray<string> => {
  const parts: Array<string> = []
  for (const part of path.split("/")) {
    if (part === "..") parts.pop()
    else if (part !== "" && part !== ".") parts.push(part)
  }
  return parts
}

const flipped = (source: Uint8Array, bit: number): Buffer => {
  const copy = Buffer.from(source)
  if (copy.length > 0) copy[(bit >> 3) % copy.length]! ^= 1 << (bit & 7)
  return copy
}

const misfit = (fault: DiskFault, call: DiskCall): Error =>
  new Error(`a fault of kind "${fault.kind}" cannot strike a ${call.operation}`)
