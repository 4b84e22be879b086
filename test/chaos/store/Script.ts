/**
 * A load for the crash-state campaign, drawn from a seed: a few lives of a store with puts on several queues, batches,
 * large records that fill segments with a blank, delayed messages, checkpoints, retention, a clean close. It knows at
 * any instant what the store has promised.
 */
import type { DiskCall } from "../../../src/infra/disk/DiskFaults.ts"
import type { StoreOptions } from "../../../src/infra/store/StoreOptions.ts"
import type { Appended } from "../../../src/infra/store/MessageStore.ts"
import type { SimDisk } from "../../../src/infra/disk/SimDisk.ts"
import * as Properties from "../../../src/domain/Properties.ts"
import { SeededRandom } from "../../../src/infra/random/SeededRandom.ts"
import type { Message } from "../../model/reference/Model.ts"
import { messageIn, StoreRig, type RigOptions } from "../../model/store/StoreRig.ts"

/** A record that the store took, whatever became of it since. */
export interface Put {
  readonly commitLogOffset: number
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly body: string
  readonly keys: ReadonlyArray<string>
}

/** What holds at one instant, were the power cut now. */
export interface Promised {
  /** All records in the order of the log. */
  readonly puts: ReadonlyArray<Put>
  /** The first so many were answered, by ASYNC_FLUSH synced: they must survive. */
  readonly answered: number
  /** Retention was asked to delete the log below this offset; it may have done so. */
  readonly deletedBelow: number
}

const topics = ["Orders", "%RETRY%group", "SCHEDULE_TOPIC_XXXX"]

/**
 * The store of a script. Odd seeds: tiny files, so that all kinds of them roll. Even seeds: files of several sectors,
 * which a power cut can tear, and most messages in one queue. Every fifth answers before the sync (ASYNC_FLUSH).
 */
export const optionsOf = (seed: number): Partial<StoreOptions> => ({
  ...(seed % 2 === 1
    ? {}
    : {
        commitLogSegmentBytes: 16 * 1024,
        consumeQueueSegmentBytes: 2400,
        index: { entries: 80, slots: 128 },
        ringBytes: 64 * 1024,
      }),
  ...(seed % 5 === 0 ? { flush: "async", flushIntervalMs: 3 } : {}),
})

export class Script {
  readonly rig: StoreRig
  readonly #random: SeededRandom
  readonly #puts: Array<Put> = []
  readonly #isRoomy: boolean
  #base = 0
  #deletedBelow = 0
  #made = 0

  /** `onBoundary` is called before each write, sync and change of names of all lives. */
  constructor(seed: number, options: Partial<RigOptions>, onBoundary: (n: number, call: DiskCall) => void) {
    this.#random = new SeededRandom(seed)
    this.#isRoomy = seed % 2 === 0
    this.rig = new StoreRig({ ...options, onBoundary, options: optionsOf(seed), seed })
    this.#onBoundary = onBoundary
  }

  readonly #onBoundary: (n: number, call: DiskCall) => void

  get disk(): SimDisk {
    return this.rig.disk
  }

  get promised(): Promised {
    return {
      answered: this.#base + safeOf(this.rig),
      deletedBelow: this.#deletedBelow,
      puts: this.#puts,
    }
  }

  /** Plays `steps` steps and a clean close. */
  run(steps: number): void {
    this.rig.open()
    for (let i = 0; i < steps; i++) this.#step()
    this.rig.close()
  }

  #step(): void {
    const { rig } = this
    const random = this.#random
    const dice = random.below(20)
    if (dice < 9) this.#put(random.below(60))
    else if (dice < 12) for (let i = random.below(12); i >= 0; i--) this.#put(random.below(40))
    else if (dice < 13) this.#put(1500 + random.below(2000))
    else if (dice < 15) rig.settle()
    else if (dice < 17) rig.steps(random.below(6))
    else if (dice < 18) rig.checkpoint()
    else if (dice < 19) this.#retain()
    else this.#restart()
    if (random.chance(0.5)) rig.settle()
  }

  #put(sizeBytes: number): void {
    const random = this.#random
    const number = this.#made++
    const isMain = random.chance(this.#isRoomy ? 0.8 : 0)
    const topic = isMain ? "Orders" : topics[random.below(topics.length)]!
    const message: Message = {
      body: `${number} `.padEnd(sizeBytes, "x"),
      keys: random.chance(0.6) ? [`k${random.below(4)}`, `n${number}`] : [],
      queueId: isMain ? 0 : random.below(2),
      tag: random.chance(0.3) ? "red" : undefined,
      topic,
    }
    const input = messageIn(message, number)
    const properties =
      topic === "SCHEDULE_TOPIC_XXXX"
        ? Properties.append(input.properties, "DELAY", String(1 + random.below(3)))
        : input.properties
    const record = this.rig.putRaw(topic, message.queueId, { ...input, properties })
    if (typeof record !== "string") this.#puts.push(putOf(record, message))
  }

  #retain(): void {
    const { log } = this.rig.store
    const second = log.files.all[1]
    if (second === undefined) return
    this.rig.checkpoint()
    this.#deletedBelow = Math.max(this.#deletedBelow, second.baseOffset)
    this.rig.store.deleteFirstSegment()
  }

  #restart(): void {
    this.rig.close()
    this.#base = this.promised.answered
    this.rig.restart({ onBoundary: this.#onBoundary })
    this.rig.open()
  }
}

/** How many of the puts of this life were promised to survive a power cut. */
export const safeOf = ({ options, store, told }: StoreRig): number =>
  told.filter(
    ({ record, status }) =>
      status === "Stored" && (options.flush === "sync" || record.commitLogOffset < store.log.syncedOffset),
  ).length

export const putOf = ({ commitLogOffset, queue, queueOffset }: Appended, { body, keys }: Message): Put => ({
  body,
  commitLogOffset,
  keys,
  queueId: queue.queueId,
  queueOffset,
  topic: queue.topic,
})
