/**
 * What a simulated disk holds: names and bytes as programs see them (the page cache), the same as a power cut would
 * leave them (the media), and the journal of changes between the two. A power cut (`survivor`) keeps of the journal
 * what a `Choose` picks:
 *
 *   bytes   each 512-byte sector is some version that it had since the last sync, independent of the others
 *   sizes   the size is one that the file had since the last sync; nothing survives beyond a cut that was kept
 *   names   each change of a name survives or not, in any order, except that later changes of a name need earlier
 *           ones; a rename is atomic
 *
 * Source: the guarantees in Disk.ts, taken at their word: what a sync did not promise may be gone.
 */
import { SparseBytes } from "./SparseBytes.ts"

/** The unit that a disk writes whole. */
export const sectorBytes = 512

/**
 * Decides what survives: answers an integer in [0, options), where 0 is the oldest state and options - 1 the newest.
 * `subject` names the file or folder, so that a chooser may treat some of them alike.
 */
export type Choose = (subject: string, options: number) => number

export type FileChange =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "size"; readonly sizeBytes: number }

export interface FileNode {
  readonly kind: "file"
  /** What reads see. */
  readonly cached: SparseBytes
  /** What the media hold. */
  readonly durable: SparseBytes
  /** Changes of `cached` that `durable` lacks, oldest first; a sync moves a prefix of them over. */
  pending: Array<FileChange>
  /** How many changes have left `pending` since the start, so that a sync can tell which ones it covers. */
  settled: number
  pendingBytes: number
  /** Writes whose callback has not run: they are in no read yet, but a power cut may leave any part of them. */
  readonly underWay: Set<FileChange>
  openCount: number
  linked: boolean
}

export interface FolderNode {
  readonly kind: "folder"
  readonly entries: Map<string, Node>
  readonly durable: Map<string, Node>
}

export type Node = FileNode | FolderNode

interface NameAssignment {
  readonly folder: FolderNode
  readonly name: string
  readonly node: Node | undefined
}

/** One change of names: all of its assignments or none. */
type NameChange = ReadonlyArray<NameAssignment>

/** Beyond this the operating system would long have written the oldest changes back by itself. */
const pendingBytesMax = 8 * 1024 * 1024
const pendingCountMax = 4096

export class Volume {
  readonly chunkBytes: number
  /** False for a disk that never crashes: no journal is kept, and every change counts as durable. */
  readonly journaled: boolean
  readonly root: FolderNode = makeFolder()
  #names: Array<NameChange> = []
  #allocatedBytes = 0

  constructor(chunkBytes: number, journaled: boolean) {
    this.chunkBytes = chunkBytes
    this.journaled = journaled
  }

  /** Bytes of all chunks that programs can still reach. */
  get allocatedBytes(): number {
    return this.#allocatedBytes
  }

  makeFile(): FileNode {
    const cached = new SparseBytes(this.chunkBytes)
    return fileNode(cached, this.journaled ? new SparseBytes(this.chunkBytes) : cached)
  }

  /** Points names at nodes, or at nothing, as one atomic change. */
  assign(...change: NameChange): void {
    for (const { folder, name, node } of change) {
      const gone = folder.entries.get(name)
      if (node === undefined) folder.entries.delete(name)
      else folder.entries.set(name, node)
      if (gone?.kind === "file") gone.linked = false
    }
    for (const { node } of change) if (node?.kind === "file") node.linked = true
    if (this.journaled) this.#names.push(change)
  }

  /** Makes a folder's names durable, and the changes of other folders that they rest on. */
  syncFolder(folder: FolderNode): void {
    const needed = new NameSet()
    const chosen = new Set<NameChange>()
    for (const change of this.#names.toReversed()) {
      if (!change.some((part) => part.folder === folder || needed.has(part))) continue
      chosen.add(change)
      for (const part of change) needed.add(part)
    }
    for (const change of this.#names) if (chosen.has(change)) applyNames(change)
    this.#names = this.#names.filter((change) => !chosen.has(change))
  }

  /** Changes a file's bytes or size, as programs see them. */
  change(file: FileNode, change: FileChange): void {
    if (change.kind === "write" && change.bytes.length === 0) return
    const before = file.cached.allocatedBytes
    apply(file.cached, change)
    this.#allocatedBytes += file.cached.allocatedBytes - before
    if (!this.journaled) return
    file.pending.push(change.kind === "write" ? { ...change, bytes: Buffer.from(change.bytes) } : change)
    file.pendingBytes += change.kind === "write" ? change.bytes.length : 0
    if (file.pendingBytes > pendingBytesMax || file.pending.length > pendingCountMax) {
      this.settle(file, file.settled + Math.ceil(file.pending.length / 2))
    }
  }

  /** A mark of what was changed so far, for `settle` and `drop`. */
  mark(file: FileNode): number {
    return file.settled + file.pending.length
  }

  /** Makes the changes up to `mark` durable. */
  settle(file: FileNode, mark: number): void {
    for (const change of this.#takePending(file, mark)) apply(file.durable, change)
  }

  /** Forgets the changes up to `mark`: they stay readable, count as written, and never reach the media. */
  drop(file: FileNode, mark: number): void {
    this.#takePending(file, mark)
  }

  /**
   * Counts a file's space as free once neither a name nor an open handle is left. Its bytes stay with its node: a
   * removal that is not durable yet may be undone by a power cut.
   */
  release(file: FileNode): void {
    if (!file.linked && file.openCount === 0) this.#allocatedBytes -= file.cached.allocatedBytes
  }

  /** Flips bits of one byte in every state that the file has: cache, media, and what is on its way between them. */
  rot(file: FileNode, position: number, mask: number): void {
    for (const bytes of new Set([file.cached, file.durable])) {
      if (position >= bytes.sizeBytes) continue
      const byte = Buffer.alloc(1)
      bytes.read(byte, position)
      byte[0]! ^= mask
      bytes.write(byte, position)
    }
    for (const change of file.pending) {
      if (change.kind !== "write") continue
      const at = position - change.position
      if (at >= 0 && at < change.bytes.length) change.bytes[at]! ^= mask
    }
  }

  /**
   * The programs are gone and the machine is not: writes under way took place or not, whole, as `choose` says; what
   * was in the page cache stays there.
   */
  endPrograms(choose: Choose): void {
    const visit = (folder: FolderNode, at: string): void => {
      for (const [name, node] of folder.entries) {
        const path = `${at}/${name}`
        if (node.kind === "folder") {
          visit(node, path)
          continue
        }
        for (const change of node.underWay) if (choose(path, 2) === 1) this.change(node, change)
        node.underWay.clear()
        node.openCount = 0
      }
    }
    visit(this.root, "")
  }

  /** A volume as a power cut at this moment could leave it. This one is not changed. */
  survivor(choose: Choose): Volume {
    if (!this.journaled) throw new Error("a volume without a journal does not know what a power cut would leave")
    const folders = new Map<FolderNode, Map<string, Node>>()
    const entriesOf = (folder: FolderNode): Map<string, Node> => {
      const known = folders.get(folder) ?? new Map(folder.durable)
      folders.set(folder, known)
      return known
    }
    const blocked = new NameSet()
    for (const change of this.#names) {
      const lacksEarlier = change.some((part) => blocked.has(part))
      if (lacksEarlier || choose(`names ${change[0]!.name}`, 2) === 0) for (const part of change) blocked.add(part)
      else for (const { folder, name, node } of change) setName(entriesOf(folder), name, node)
    }
    return this.#rebuild(entriesOf, (file, name) => survivingBytes(file, name, choose))
  }

  /** A volume with what programs see now, all of it durable. This one is not changed. */
  copy(): Volume {
    return this.#rebuild(
      (folder) => folder.entries,
      (file) => file.cached.copy(),
    )
  }

  #rebuild(
    entriesOf: (folder: FolderNode) => ReadonlyMap<string, Node>,
    bytesOf: (file: FileNode, path: string) => SparseBytes,
  ): Volume {
    const volume = new Volume(this.chunkBytes, this.journaled)
    const fill = (source: FolderNode, target: FolderNode, at: string): void => {
      for (const [name, node] of entriesOf(source)) {
        const path = `${at}/${name}`
        let made: Node
        if (node.kind === "file") {
          const bytes = bytesOf(node, path)
          volume.#allocatedBytes += bytes.allocatedBytes
          made = fileNode(bytes, volume.journaled ? bytes.copy() : bytes)
          made.linked = true
        } else {
          made = makeFolder()
          fill(node, made, path)
        }
        target.entries.set(name, made)
        target.durable.set(name, made)
      }
    }
    fill(this.root, volume.root, "")
    return volume
  }

  #takePending(file: FileNode, mark: number): ReadonlyArray<FileChange> {
    const taken = file.pending.splice(0, Math.max(0, mark - file.settled))
    file.settled += taken.length
    for (const change of taken) if (change.kind === "write") file.pendingBytes -= change.bytes.length
    return taken
  }
}

/** Which surviving state a file has: see the head of this module. */
const survivingBytes = (file: FileNode, path: string, choose: Choose): SparseBytes => {
  const bytes = file.durable.copy()
  const changes = keepCuts(file, path, choose)
  if (changes.length === 0) return bytes
  const kept = keptVersions(changes, bytes.sizeBytes, path, choose)
  const seen = new Map<number, number>()
  // A size that the file had since the last cut that was kept; older ones went with that cut.
  let sizes = [bytes.sizeBytes]
  for (const change of changes) {
    const before = sizes.at(-1)!
    if (change.kind === "size") {
      sizes = change.sizeBytes < before ? [change.sizeBytes] : [...sizes, change.sizeBytes]
      if (change.sizeBytes < bytes.sizeBytes) bytes.truncate(change.sizeBytes)
      continue
    }
    if (change.position + change.bytes.length > before) sizes.push(change.position + change.bytes.length)
    forSectorParts(change, (sector, from, to) => {
      const version = (seen.get(sector) ?? 0) + 1
      seen.set(sector, version)
      if (version <= kept.get(sector)!) bytes.write(change.bytes.subarray(from, to), change.position + from)
    })
  }
  bytes.truncate(sizes[choose(path, sizes.length)]!)
  return bytes
}

/** The file's unsynced changes up to the first cut that does not survive: what came after it went with it. */
const keepCuts = (file: FileNode, path: string, choose: Choose): ReadonlyArray<FileChange> => {
  const changes = [...file.pending, ...file.underWay]
  const cutsAt: Array<number> = []
  let sizeBytes = file.durable.sizeBytes
  for (const [at, change] of changes.entries()) {
    if (change.kind === "write") {
      sizeBytes = Math.max(sizeBytes, change.position + change.bytes.length)
      continue
    }
    if (change.sizeBytes < sizeBytes) cutsAt.push(at)
    sizeBytes = change.sizeBytes
  }
  if (cutsAt.length === 0) return changes
  return changes.slice(0, cutsAt[choose(path, cutsAt.length + 1)])
}

/**
 * For each sector written to, how many of its versions survive. A cut that was kept and lies within a sector has
 * zeroed the rest of it, so that this sector is at least as new as the cut.
 */
const keptVersions = (
  changes: ReadonlyArray<FileChange>,
  durableBytes: number,
  path: string,
  choose: Choose,
): ReadonlyMap<number, number> => {
  const versions = new Map<number, number>()
  const least = new Map<number, number>()
  let sizeBytes = durableBytes
  for (const change of changes) {
    if (change.kind === "write") {
      forSectorParts(change, (sector) => void versions.set(sector, (versions.get(sector) ?? 0) + 1))
      sizeBytes = Math.max(sizeBytes, change.position + change.bytes.length)
      continue
    }
    const sector = Math.floor(change.sizeBytes / sectorBytes)
    if (change.sizeBytes < sizeBytes && versions.has(sector)) least.set(sector, versions.get(sector)!)
    sizeBytes = change.sizeBytes
  }
  for (const [sector, count] of versions) {
    const from = least.get(sector) ?? 0
    versions.set(sector, from + choose(path, count - from + 1))
  }
  return versions
}

/** Cuts a write at the sector borders of the file; `from` and `to` count in the write's bytes. */
const forSectorParts = (
  write: { readonly position: number; readonly bytes: Uint8Array },
  visit: (sector: number, from: number, to: number) => void,
): void => {
  let from = 0
  while (from < write.bytes.length) {
    const position = write.position + from
    const to = Math.min(write.bytes.length, from + sectorBytes - (position % sectorBytes))
    visit(Math.floor(position / sectorBytes), from, to)
    from = to
  }
}

const apply = (bytes: SparseBytes, change: FileChange): void => {
  if (change.kind === "write") bytes.write(change.bytes, change.position)
  else bytes.truncate(change.sizeBytes)
}

const applyNames = (change: NameChange): void => {
  for (const { folder, name, node } of change) setName(folder.durable, name, node)
}

const setName = (entries: Map<string, Node>, name: string, node: Node | undefined): void => {
  if (node === undefined) entries.delete(name)
  else entries.set(name, node)
}

const makeFolder = (): FolderNode => ({ durable: new Map(), entries: new Map(), kind: "folder" })

const fileNode = (cached: SparseBytes, durable: SparseBytes): FileNode => ({
  cached,
  durable,
  kind: "file",
  linked: false,
  openCount: 0,
  pending: [],
  pendingBytes: 0,
  settled: 0,
  underWay: new Set(),
})

/** A set of (folder, name) pairs. */
class NameSet {
  readonly #names = new Map<FolderNode, Set<string>>()

  has(part: NameAssignment): boolean {
    return this.#names.get(part.folder)?.has(part.name) === true
  }

  add(part: NameAssignment): void {
    const names = this.#names.get(part.folder) ?? new Set()
    names.add(part.name)
    this.#names.set(part.folder, names)
  }
}
