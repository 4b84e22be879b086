/**
 * Makes a store that is closed whole again. What was lost stays lost: this says what it is, keeps a copy of the bytes,
 * and puts the log into a state in which everything else is served (P1, P2, P9).
 *
 *   plan    reads everything and changes nothing
 *   apply   what takes the place of lost records is a record that no queue shows; lost messages keep their queue
 *           offsets, which readers pass over; queues and index are rebuilt from the log
 *   again   a repair that was interrupted is done again from its begin
 *
 * Bytes that held no record are kept in `lost+found`, and so are the queues and the index as they were.
 */
import { MessageFlag } from "../../../domain/SysFlag.ts"
import * as Host from "../../../format/Host.ts"
import * as StoredMessage from "../../../format/StoredMessage.ts"
import { makeDurableDirectory } from "../../disk/durable.ts"
import type { World } from "../../world/World.ts"
import { MessageStore } from "../MessageStore.ts"
import { segmentName } from "../SegmentFiles.ts"
import { StateFiles } from "../StateFiles.ts"
import { StoreError } from "../StoreError.ts"
import type { StoreOptions } from "../StoreOptions.ts"
import type { Hole } from "./LogSurvey.ts"
import { QueueAudit } from "./QueueAudit.ts"
import { StoreView } from "./StoreView.ts"
import { printHole, type Verdict, verify } from "./Verify.ts"

export interface Plan {
  readonly verdict: Verdict
  /** Messages whose records lie in a hole, by what their queues say. */
  readonly lost: ReadonlyArray<Lost>
}

export interface Lost {
  readonly topic: string
  readonly queueId: number
  readonly from: number
  readonly to: number
}

/** Finds what is broken. Yields how far it has come, in bytes of the log. */
export function* plan(view: StoreView): Generator<number, Plan> {
  const verdict = yield* verify(view)
  const lost: Array<{ -readonly [K in keyof Lost]: Lost[K] }> = []
  if (verdict.holes.length > 0) {
    for (const [topic, queueId, queueOffset] of QueueAudit.within(view, verdict.holes)) {
      const last = lost.at(-1)
      if (last?.topic === topic && last.queueId === queueId && last.to === queueOffset) last.to++
      else lost.push({ from: queueOffset, queueId, to: queueOffset + 1, topic })
    }
  }
  return { lost, verdict }
}

/** What a repair would do, a sentence a line; none when there is nothing to do. */
export const printPlan = ({ lost, verdict }: Plan): ReadonlyArray<string> => {
  if (verdict.problemCount === 0) return []
  const count = lost.reduce((sum, { from, to }) => sum + to - from, 0)
  return [
    ...verdict.holes.map((hole) => `Lost: ${printHole(hole)}.`),
    ...lost.map(({ from, queueId, to, topic }) => `Lost: messages ${from} to ${to - 1} of ${topic}-${queueId}.`),
    verdict.holes.length === 0
      ? "No message is lost: queues and index are rebuilt from the log."
      : `${count} messages are known to be lost, by their queues. Everything else is kept; queues and index are rebuilt.`,
  ]
}

/**
 * Repairs the store. The caller holds its lock. `done` runs when the store is closed, cleanly. Throws `StoreError` or
 * `DiskError`.
 */
export const apply = (world: World, options: StoreOptions, { verdict }: Plan, done: () => void): void => {
  const { disk } = world
  const { root } = options
  const view = new StoreView(disk, root, options.index)
  const { cut, filled } = split(verdict.holes, verdict.endOffset)
  const end = cut?.from ?? verdict.endOffset
  const state = new StateFiles(disk, root)
  state.readMark()
  state.markOpen(options.processId)
  state.writeMarkSync({
    cleanEnd: -1,
    projectedOffset: 0,
    syncedOffset: cut === undefined ? Math.min(view.mark?.syncedOffset ?? 0, end) : end,
  })
  state.close()
  const lengths = setAside(view, verdict.holes)
  for (const hole of filled) fill(view, hole, options)
  view.close()
  const store = new MessageStore(options, world)
  for (const _ of store.open(Number.MAX_SAFE_INTEGER, () => {})) continue
  for (const [name, maxOffset] of lengths) keepOffsets(store, name, maxOffset)
  store.checkpoint((error) => {
    if (error !== undefined)
      world.log.error(`the queues could not be written: ${error.message}; repair the store again`)
    store.close(done)
  })
}

/** A hole at the end of the log is cut by the next start; the others are filled. */
const split = (
  holes: ReadonlyArray<Hole>,
  endOffset: number,
): { readonly cut: Hole | undefined; readonly filled: ReadonlyArray<Hole> } => {
  const cut = holes.find(({ from }) => from >= endOffset)
  return { cut, filled: holes.filter((hole) => hole !== cut) }
}

const sliceBytes = 1024 * 1024

/** Copies the bytes of the holes, and moves queues and index away. Answers how far each queue had come. */
const setAside = (view: StoreView, holes: ReadonlyArray<Hole>): ReadonlyMap<string, number> => {
  const { disk, root } = view
  const kept = `${root}/lost+found`
  makeDurableDirectory(disk, kept)
  for (const hole of holes) copyHole(view, hole, `${kept}/commitlog-${hole.from}-${hole.to}`)
  const lengths = new Map<string, number>()
  const note = (from: StoreView): void => {
    for (const [topic, queueId, maxOffset] of QueueAudit.lengths(from)) {
      const name = `${topic}/${queueId}`
      lengths.set(name, Math.max(lengths.get(name) ?? 0, maxOffset))
    }
  }
  note(view)
  // Queues that an interrupted repair has moved away.
  const earlier = disk.list(kept).filter((name) => /^\d+$/.test(name))
  for (const name of earlier) note(new StoreView(disk, `${kept}/${name}`, view.indexOptions))
  const next = `${kept}/${earlier.length + 1}`
  makeDurableDirectory(disk, next)
  for (const folder of ["consumequeue", "index"]) {
    if (!disk.exists(`${root}/${folder}`)) continue
    disk.rename(`${root}/${folder}`, `${next}/${folder}`)
  }
  disk.syncDirectory(next)
  disk.syncDirectory(root)
  return lengths
}

const copyHole = (view: StoreView, { from, path, to }: Hole, target: string): void => {
  const segment = view.segments.find((one) => one.path === path)
  if (segment === undefined || view.disk.exists(target)) return
  const copy = view.disk.open(target, "create")
  const slice = Buffer.alloc(sliceBytes)
  const end = Math.min(to, segment.baseOffset + segment.sizeBytes)
  for (let offset = from; offset < end; offset += slice.length) {
    const bytesRead = view.file(segment).readSync(slice, offset - segment.baseOffset)
    copy.writeSync(slice.subarray(0, Math.min(bytesRead, end - offset)), offset - from)
  }
  copy.syncSync()
  copy.close()
  view.disk.syncDirectory(target.slice(0, target.lastIndexOf("/")))
}

/** Puts something that every reader of the log passes over where nothing can be read. */
const fill = (view: StoreView, hole: Hole, options: StoreOptions): void => {
  const { disk, root, segmentBytes } = view
  if (hole.path === undefined) {
    for (let base = hole.from - (hole.from % segmentBytes); base < hole.to; base += segmentBytes) {
      const path = `${root}/commitlog/${segmentName(base)}`
      const file = disk.open(path, "create")
      file.truncate(segmentBytes)
      const within = Math.max(0, hole.from - base)
      file.writeSync(blank(segmentBytes - within), within)
      file.syncSync()
      file.close()
    }
    disk.syncDirectory(`${root}/commitlog`)
    return
  }
  const segment = view.segments.find(({ path }) => path === hole.path)
  if (segment === undefined) return
  const file = disk.open(hole.path, "write")
  file.truncate(segmentBytes)
  const isToEnd = hole.to === segment.baseOffset + segmentBytes
  let offset = hole.from
  while (offset < hole.to) {
    const left = hole.to - offset
    const piece = isToEnd ? blankTo(left) : placeholder(offset, pieceBytes(left), hole.storedMs, options)
    file.writeSync(piece, offset - segment.baseOffset)
    offset += isToEnd ? left : piece.length
  }
  file.syncSync()
  file.close()
}

const blank = (sizeBytes: number): Buffer => {
  const bytes = Buffer.alloc(StoredMessage.blankSizeBytes)
  StoredMessage.encodeBlankInto(sizeBytes, bytes, 0)
  return bytes
}

/** A blank, and zeros over what it stands for. */
const blankTo = (sizeBytes: number): Buffer =>
  Buffer.concat([blank(sizeBytes), Buffer.alloc(sizeBytes - StoredMessage.blankSizeBytes)])

/** Shortest record: IPv4 hosts, version 1, empty body, topic and properties. */
const recordBytesMin = 91
const pieceBytesMax = 1024 * 1024

const pieceBytes = (left: number): number => {
  if (left < recordBytesMin)
    throw new StoreError("Rot", `A hole of ${left} bytes is too small to be filled: restore the segment from a backup.`)
  if (left <= pieceBytesMax) return left
  return Math.min(pieceBytesMax, left - recordBytesMin)
}

const born = Host.make("127.0.0.1", 0)

/**
 * A record of exactly this size that says that it was rolled back: neither Apache RocketMQ nor Gantry gives such a one an
 * entry in a queue or in the index.
 */
const placeholder = (
  physicalOffset: number,
  sizeBytes: number,
  storeTimestamp: number,
  { storeHost }: StoreOptions,
): Buffer => {
  const record = (topic: string, body: Buffer): StoredMessage.StoredMessage => ({
    body,
    bornHost: born instanceof Error ? storeHost : born,
    bornTimestamp: storeTimestamp,
    flag: 0,
    physicalOffset,
    preparedTransactionOffset: 0,
    properties: "",
    queueId: 0,
    queueOffset: 0,
    reconsumeTimes: 0,
    storeHost,
    // Retention goes by it.
    storeTimestamp,
    sysFlag: MessageFlag.TRANSACTION_ROLLBACK,
    topic,
    version: 1,
  })
  const shapes: ReadonlyArray<readonly [string, boolean]> = [
    ["rmq_sys_GANTRY_lost", true],
    ["rmq_sys_GANTRY_lost", false],
    ["", false],
  ]
  for (const [topic, isSealed] of shapes) {
    const bodyBytes = sizeBytes - StoredMessage.encodedSize(record(topic, Buffer.alloc(0)), isSealed)
    if (bodyBytes >= 0) return StoredMessage.encode(record(topic, Buffer.alloc(bodyBytes)), isSealed)
  }
  throw new StoreError("Rot", `A hole of ${sizeBytes} bytes is too small to be filled.`)
}

/** Offsets that a queue has given out are never given out again, also when their messages are lost (P2). */
const keepOffsets = ({ log, queues }: MessageStore, name: string, maxOffset: number): void => {
  const at = name.lastIndexOf("/")
  const queue = queues.get(name.slice(0, at), Number(name.slice(at + 1)))
  if (queue.maxOffset >= maxOffset) return
  if (queue.maxOffset > 0) return queues.appendLost(queue, maxOffset, log.readableOffset)
  // None of its messages is in the log: a blank entry of offset 0 makes it an empty queue that goes on there.
  queue.startAt(maxOffset - 1)
  queues.appendLost(queue, maxOffset, 0)
}
