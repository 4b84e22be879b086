/**
 * Makes a store that is closed whole again. What was lost stays lost: this says what it is, keeps a copy of the bytes,
 * and puts the log into a state in which everything else is served (P1, P2, P9).
 *
 *   plan    reads everything and changes nothing
 *   filled  where records were lost stand fillers that no queue shows; the log never becomes shorter, so that every
 *           position in a snapshot stays true
 *   used    lost messages keep their queue offsets, which readers pass over and nobody is given again
 *   kept    in `lost+found`: the bytes that held no record, copied before anything is changed; queues and index as they
 *           were
 *   again   until it has ended no broker starts on the store; done again, it comes to the same
 */
import { makeDurableDirectory } from "../../disk/durable.ts"
import { DiskError } from "../../disk/Disk.ts"
import type { World } from "../../world/World.ts"
import { MessageStore } from "../MessageStore.ts"
import { StateFiles } from "../StateFiles.ts"
import { StoreError } from "../StoreError.ts"
import type { StoreOptions } from "../StoreOptions.ts"
import * as Filler from "./Filler.ts"
import type { Hole } from "./LogSurvey.ts"
import { QueueEntries } from "./QueueEntries.ts"
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

/** Finds what is broken. Yields how far it has come, in bytes of the log. Throws `StoreError` when it cannot be mended. */
export function* plan(view: StoreView): Generator<number, Plan> {
  const verdict = yield* verify(view)
  const lost: Array<{ -readonly [K in keyof Lost]: Lost[K] }> = []
  if (verdict.holes.length > 0) {
    for (const [topic, queueId, queueOffset] of new QueueEntries(view).within(verdict.holes)) {
      const last = lost.at(-1)
      if (last?.topic === topic && last.queueId === queueId && last.to === queueOffset) last.to++
      else lost.push({ from: queueOffset, queueId, to: queueOffset + 1, topic })
    }
  }
  refuseUnmendable(view, verdict)
  return { lost, verdict }
}

const refuseUnmendable = (view: StoreView, verdict: Verdict): void => {
  const astray = view.segments.find(({ baseOffset }) => baseOffset % view.segmentBytes !== 0)
  if (astray !== undefined)
    throw new StoreError(
      "Segments",
      `${astray.path} cannot be mended: its name is no multiple of ${view.segmentBytes}, the size of the segments. Restore the commitlog folder from a backup.`,
    )
  for (const hole of verdict.holes) {
    if (!Filler.fits(view, hole, isEnd(hole, verdict)))
      throw new StoreError(
        "Rot",
        `${printHole(hole)}: too small a place to be mended. Restore the segment from a backup or a replica.`,
      )
  }
}

/** What a repair would do, a sentence a line; none when there is nothing to do. */
export const printPlan = ({ lost, verdict }: Plan): ReadonlyArray<string> => {
  if (verdict.problemCount === 0) return []
  const count = lost.reduce((sum, { from, to }) => sum + to - from, 0)
  const { snapshots, strangers } = verdict.folder
  return [
    ...verdict.holes.map((hole) => `Lost: ${printHole(hole)}.`),
    ...lost.map(({ from, queueId, to, topic }) =>
      to === from + 1
        ? `Lost: message ${from} of ${topic}-${queueId}.`
        : `Lost: messages ${from} to ${to - 1} of ${topic}-${queueId}.`,
    ),
    ...strangers.map((path) => `Moved to lost+found: ${path}.`),
    ...snapshots.map(
      ({ path }) => `Moved to lost+found: ${path}; what it told is read from the log again, as far as that still goes.`,
    ),
    verdict.holes.length === 0
      ? "No message is lost: queues and index are rebuilt from the log."
      : `${count} ${count === 1 ? "message is" : "messages are"} known to be lost, as the queues tell. Everything else is kept; queues and index are rebuilt.`,
  ]
}

/**
 * Repairs the store, whose lock the caller holds. `options` must agree with the files. Yields how far it has come,
 * in bytes of the log; `done` runs afterwards, when the store is closed, with what went wrong or undefined. Throws `StoreError` or
 * `DiskError`.
 */
export function* apply(
  world: World,
  options: StoreOptions,
  { verdict }: Plan,
  done: (error: Error | undefined) => void,
): Generator<number, void> {
  const { disk } = world
  const { root } = options
  const view = new StoreView(disk, root, options)
  makeDurableDirectory(disk, `${root}/lost+found`)
  for (const { from, path, to } of verdict.holes) yield* keep(view, path, from, to)
  for (const { baseOffset, path, sizeBytes } of view.segments)
    if (sizeBytes > view.segmentBytes) yield* keep(view, path, baseOffset + view.segmentBytes, baseOffset + sizeBytes)
  const state = new StateFiles(disk, root)
  state.markRepair()
  for (const { path, sizeBytes } of view.segments)
    if (sizeBytes !== view.segmentBytes) Filler.resize(disk, path, view.segmentBytes)
  makeDurableDirectory(disk, `${root}/commitlog`)
  for (const hole of verdict.holes) {
    Filler.write(view, hole, isEnd(hole, verdict))
    yield view.minOffset
  }
  const lengths = setAside(view, verdict)
  // The next start trusts no queue. A mark that cannot be read is no mark.
  state.markOpen(options.processId)
  if (view.isMarkRotten) disk.remove(`${root}/gantry.mark`)
  else if (view.mark !== undefined) {
    state.readMark()
    state.writeMarkSync({ cleanEnd: -1, projectedOffset: 0, syncedOffset: view.mark.syncedOffset })
  }
  state.close()
  view.close()
  const store = new MessageStore(options, world)
  let reached = view.minOffset
  for (const _ of store.open(Number.MAX_SAFE_INTEGER, () => {}, true)) yield (reached += sliceBytes)
  for (const [name, maxOffset] of lengths) keepOffsets(store, name, maxOffset)
  store.checkpoint((error) => {
    store.close(() => {
      if (error === undefined && !disk.exists(`${root}/abort`)) return done(ended(() => state.endRepair()))
      done(error ?? new StoreError("Disk", `${root} was not closed cleanly: run the repair again.`))
    })
  })
}

const ended = (run: () => void): DiskError | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof DiskError) return error
    throw error
  }
}

const sliceBytes = 1024 * 1024

/** No record stands behind it: it may be filled to the end of its segment. */
const isEnd = ({ from }: Hole, { endOffset }: Verdict): boolean => from >= endOffset

/** Copies the bytes [from, to) of the log, as far as the file has them. */
function* keep(view: StoreView, path: string | undefined, from: number, to: number): Generator<number, void> {
  const segment = view.segments.find((one) => one.path === path)
  const target = `${view.root}/lost+found/commitlog-${from}-${to}`
  if (segment === undefined || view.disk.exists(target)) return
  const temporary = `${target}.tmp`
  const copy = view.disk.open(temporary, "create")
  const slice = Buffer.alloc(sliceBytes)
  const end = Math.min(to, segment.baseOffset + segment.sizeBytes)
  for (let offset = from; offset < end; offset += slice.length) {
    const bytesRead = view.file(segment).readSync(slice, offset - segment.baseOffset)
    copy.writeSync(slice.subarray(0, Math.min(bytesRead, end - offset)), offset - from)
    yield view.minOffset
  }
  copy.syncSync()
  copy.close()
  // Whole or not there: a repair that was interrupted copies what is not yet changed.
  view.disk.rename(temporary, target)
  view.disk.syncDirectory(`${view.root}/lost+found`)
}

/** Moves queues, index and what does not belong there away. Answers how far each queue had come. */
const setAside = (view: StoreView, { folder }: Verdict): ReadonlyMap<string, number> => {
  const { disk, root } = view
  const kept = `${root}/lost+found`
  const lengths = new Map<string, number>()
  const note = (from: StoreView): void => {
    for (const [topic, queueId, maxOffset] of new QueueEntries(from).lengths()) {
      const name = `${topic}/${queueId}`
      lengths.set(name, Math.max(lengths.get(name) ?? 0, maxOffset))
    }
  }
  note(view)
  // Queues that an interrupted repair has moved away.
  const earlier = disk.list(kept).filter((name) => /^\d+$/.test(name))
  if (view.isInRepair) for (const name of earlier) note(new StoreView(disk, `${kept}/${name}`, view.sizes))
  const next = `${kept}/${earlier.length + 1}`
  makeDurableDirectory(disk, next)
  const away = (path: string): void => {
    if (disk.exists(path)) disk.rename(path, `${next}/${path.slice(path.lastIndexOf("/") + 1)}`)
  }
  away(`${root}/consumequeue`)
  away(`${root}/index`)
  for (const path of [...folder.strangers, ...folder.snapshots.map((snapshot) => snapshot.path)]) away(path)
  disk.syncDirectory(next)
  for (const changed of [root, `${root}/commitlog`, `${root}/config`])
    if (disk.exists(changed)) disk.syncDirectory(changed)
  return lengths
}

/** Offsets that a queue has given out are never given out again, also when their messages are lost (P2). */
const keepOffsets = ({ log, queues }: MessageStore, name: string, maxOffset: number): void => {
  const at = name.lastIndexOf("/")
  const queue = queues.get(name.slice(0, at), Number(name.slice(at + 1)))
  if (queue.maxOffset >= maxOffset) return
  const { segmentBytes } = log.files
  // Below the end of the log, or Apache RocketMQ takes it for one that a crash left too many.
  if (queue.maxOffset > 0) return queues.appendLost(queue, maxOffset, log.readableOffset - 1, segmentBytes)
  // None of its messages is in the log: a blank entry of offset 0 makes it an empty queue that goes on there.
  queue.startAt(maxOffset - 1)
  queues.appendLost(queue, maxOffset, 0, segmentBytes)
}
