/**
 * Whether one state of the disk, as a power cut left it, is one that the store may be left in: it opens, no answered
 * message is missing, the log is a prefix of what was appended, ends in a whole record and is followed by zeros, queues
 * and index are the fold of the log, and neither a cut during recovery nor a second life brings anything back that was
 * cut (P1, P2, P9). Throws `Broken` with the sentence.
 */
import { indexKeyHash } from "../../../src/format/IndexFile.ts"
import type { SimDisk } from "../../../src/infra/disk/SimDisk.ts"
import { keepSome } from "../../../src/infra/disk/survival.ts"
import { SeededRandom } from "../../../src/infra/random/SeededRandom.ts"
import { type RigOptions, StoreRig } from "../../model/store/StoreRig.ts"
import { foldLog, type LogFold } from "./foldLog.ts"
import { type Promised, type Put, putOf, safeOf } from "./Script.ts"

export class Broken extends Error {
  override readonly name = "Broken"
}

export const must = (holds: boolean, sentence: () => string): void => {
  if (!holds) throw new Broken(sentence())
}

export interface CheckOptions extends Partial<RigOptions> {
  readonly seed: number
  /** Told of each boundary of the recovery, with the disk as it is then. */
  readonly onRecoveryBoundary?: ((disk: SimDisk) => void) | undefined
}

/** Opens the state and checks it. Answers how many of the records are left. */
export const check = (state: SimDisk, promised: Promised, options: CheckOptions): number => {
  const rig = opened(state, options)
  const left = checkOpened(rig, promised)
  secondLife(rig, promised, left, options.seed)
  return left
}

const opened = (state: SimDisk, options: CheckOptions): StoreRig => {
  let isRecovering = true
  const rig: StoreRig = new StoreRig({
    ...options,
    disk: state,
    onBoundary: () => {
      if (isRecovering) options.onRecoveryBoundary?.(rig.disk)
    },
  })
  try {
    rig.open()
    isRecovering = false
    return rig
  } catch (error) {
    throw new Broken(`the store does not open: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

/** The disk, and what the open store shows of it. Answers how many of the records are left. */
const checkOpened = (rig: StoreRig, promised: Promised): number => {
  const { log } = rig.store
  const fold = foldLog(rig.disk, rig.options.root, rig.options.delayLevelsMs)
  must(
    fold.endOffset === log.readableOffset,
    () => `the store ends at ${log.readableOffset}, its files at ${fold.endOffset}`,
  )
  must(fold.isBuried, () => `behind the end ${fold.endOffset} the files are not zero`)
  must(
    fold.minOffset <= promised.deletedBelow,
    () => `the log begins at ${fold.minOffset}, retention was asked for ${promised.deletedBelow}`,
  )
  const left = checkLog(fold, promised)
  checkQueues(rig, fold, promised.puts.slice(0, left))
  checkIndex(rig, fold)
  checkReads(rig, promised.puts.slice(0, left), fold.minOffset)
  return left
}

const checkLog = (fold: LogFold, { answered, puts }: Promised): number => {
  const left = puts.filter((put) => put.commitLogOffset < fold.endOffset).length
  must(left >= answered, () => `${answered} records were answered, ${left} are left`)
  const expected = puts.slice(0, left).filter((put) => put.commitLogOffset >= fold.minOffset)
  must(
    expected.length === fold.records.length,
    () => `the log has ${fold.records.length} records, ${expected.length} of those appended lie there`,
  )
  for (const [i, put] of expected.entries()) {
    const record = fold.records[i]!
    must(
      record.physicalOffset === put.commitLogOffset &&
        record.topic === put.topic &&
        record.queueId === put.queueId &&
        record.queueOffset === put.queueOffset &&
        record.body.toString() === put.body,
      () =>
        `at ${put.commitLogOffset} lies another record than was appended: ${record.topic}-${record.queueId} at queue offset ${record.queueOffset}`,
    )
  }
  return left
}

const checkQueues = (rig: StoreRig, fold: LogFold, puts: ReadonlyArray<Put>): void => {
  const counts = new Map<string, number>()
  for (const { queueId, topic } of puts) {
    const name = `${topic}/${queueId}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  for (const [name, count] of counts) {
    const [topic = "", queueId = ""] = name.split("/")
    const queue = rig.store.queues.get(topic, Number(queueId))
    queue.correctMin(fold.minOffset)
    const entries = fold.queues.get(name) ?? []
    must(
      queue.maxOffset === count && queue.nextOffset === count,
      () => `queue ${name} ends at ${queue.maxOffset}, goes on at ${queue.nextOffset}; it had ${count} messages`,
    )
    must(
      queue.minOffset === count - entries.length,
      () => `queue ${name} begins at ${queue.minOffset}, its first record is that of ${count - entries.length}`,
    )
    for (const expected of entries) {
      const { queueOffset, ...entry } = expected
      const found = queue.entrySync(queueOffset)
      must(
        found?.commitLogOffset === entry.commitLogOffset &&
          found.sizeBytes === entry.sizeBytes &&
          found.tagsCode === entry.tagsCode,
        () =>
          `entry ${queueOffset} of queue ${name} is ${JSON.stringify(found)}, the log says ${JSON.stringify(entry)}`,
      )
    }
  }
}

const checkIndex = (rig: StoreRig, fold: LogFold): void => {
  for (const [hash, offsets] of fold.keys) {
    const found = rig.store.index
      .find(hash, Number.MAX_SAFE_INTEGER, 0, Number.MAX_SAFE_INTEGER)
      .filter((offset) => offset >= fold.minOffset)
    must(
      found.length === offsets.length && found.every((offset, i) => offset === offsets[i]),
      () => `the index finds [${found.join(", ")}] for a key of [${offsets.join(", ")}]`,
    )
  }
}

/** One queue, as a consumer reads it. */
const checkReads = (rig: StoreRig, puts: ReadonlyArray<Put>, minOffset: number): void => {
  const sample = puts.at(-1)
  if (sample === undefined) return
  const expected = puts.filter(
    (put) => put.topic === sample.topic && put.queueId === sample.queueId && put.commitLogOffset >= minOffset,
  )
  const bodies = rig.readAll(sample.topic, sample.queueId).map(({ body }) => body)
  must(
    bodies.length === expected.length && bodies.every((body, i) => body === expected[i]!.body),
    () => `a consumer of ${sample.topic}-${sample.queueId} gets [${bodies.join(", ")}]`,
  )
}

/** New records after the recovery, another cut, and the same questions: what was cut before must stay away. */
const secondLife = (rig: StoreRig, promised: Promised, left: number, seed: number): void => {
  const random = new SeededRandom(seed)
  const puts = promised.puts.slice(0, left)
  // As long as those that were cut, so that the end of a new record may lie before the begin of an old one.
  const lost = promised.puts.slice(left).map(({ body }) => body.length)
  for (let i = 0; i < 3; i++) {
    const message = {
      body: `again ${i} `.padEnd(lost[i] ?? random.below(60), "y"),
      keys: [`again${i}`],
      queueId: 0,
      tag: undefined,
      topic: i === 1 ? "Another" : "Orders",
    }
    const record = rig.put(message)
    if (typeof record === "string") throw new Broken(`after the recovery the store refuses a message: ${record}`)
    puts.push(putOf(record, message))
    if (random.chance(0.6)) rig.settle()
    else rig.steps(random.below(8))
  }
  const answered = left + safeOf(rig)
  rig.powerCut(keepSome(random))
  try {
    rig.open()
  } catch (error) {
    throw new Broken(`the store does not open after a second cut: ${String(error)}`, { cause: error })
  }
  checkOpened(rig, { answered, deletedBelow: promised.deletedBelow, puts })
}

/** Whether a key leads to its record: for tests that make their own. */
export const found = (rig: StoreRig, topic: string, key: string): ReadonlyArray<number> =>
  rig.store.index.find(indexKeyHash(`${topic}#${key}`), 1000, 0, Number.MAX_SAFE_INTEGER)
