/**
 * Consumer offsets on their way to the disk: commits are gathered into one record of the log per `everyMs`, and told
 * durable when it is (promise P8). `durable` is what the log says so far, and nothing that is still on its way: the
 * snapshot is made of it, so that snapshot and log never disagree (promise P9).
 *
 *   kept      what a failed or refused record carried is in the next one, unless a newer commit is
 *   in turn   nobody is told before every record that was on its way when he came is on disk, his own or not
 */
import * as ConsumerOffset from "../../domain/ConsumerOffset.ts"
import type { World } from "../../infra/world/World.ts"
import type { OffsetTuple, SystemRecord } from "./SystemRecords.ts"

/** An offset is on disk at most this long after it was committed, and a sync. */
const everyMs = 100
/** Offsets in one record: about 400 KB of JSON. */
const perRecord = 5000

/** Called when a change is durable, or with the reason why it is not known to be. */
export type Durable = (failure: string | undefined) => void

/** Appends one record; `done` runs when it is durable, or will not be. */
export type Append = (record: SystemRecord, done: Durable) => void

interface Flush {
  readonly waiters: Array<Durable>
  left: number
  failure: string | undefined
}

export class OffsetJournal {
  /** What consumers are answered. */
  readonly offsets: ConsumerOffset.ConsumerOffsets
  /** What the log says, as far as it is durable. */
  readonly durable: ConsumerOffset.ConsumerOffsets
  /** Told when `durable` was changed. */
  onDurable: () => void = () => {}
  readonly #world: World
  readonly #append: Append
  /** Whether the entry's topic or group is being deleted: a record after the deletion would bring it back. */
  readonly #isLeaving: (entry: ConsumerOffset.OffsetEntry) => boolean
  #waiters: Array<Durable> = []
  #cancelTimer: (() => void) | undefined
  /** Records on their way, in the order of the log. */
  readonly #underWay: Array<Flush> = []

  constructor(world: World, append: Append, isLeaving: (entry: ConsumerOffset.OffsetEntry) => boolean) {
    this.#world = world
    this.#append = append
    this.#isLeaving = isLeaving
    this.offsets = ConsumerOffset.make(world.clock.nowMs())
    this.durable = ConsumerOffset.make(world.clock.nowMs())
  }

  /** Takes over an entry of a snapshot or of the log, at start. */
  restore(entry: ConsumerOffset.OffsetEntry): void {
    ConsumerOffset.apply(this.offsets, entry)
    ConsumerOffset.apply(this.durable, entry)
  }

  /** The log says that a topic is deleted, or a group with its offsets. */
  forgot(remove: (offsets: ConsumerOffset.ConsumerOffsets) => void): void {
    remove(this.offsets)
    remove(this.durable)
    this.onDurable()
  }

  /** An offset was committed in memory; `done`, if given, runs when it is on disk. */
  committed(done?: Durable): void {
    if (done !== undefined) this.#waiters.push(done)
    this.#cancelTimer ??= this.#world.clock.after(everyMs, () => this.flush())
  }

  /** Appends what was committed since the last record. */
  flush(done?: Durable): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const waiters = this.#waiters
    this.#waiters = []
    if (done !== undefined) waiters.push(done)
    this.append(ConsumerOffset.drainDirty(this.offsets), waiters)
  }

  /** Appends entries, whether they changed or not. */
  append(all: ReadonlyArray<ConsumerOffset.OffsetEntry>, waiters: Array<Durable>): void {
    const entries = all.filter((entry) => !this.#isLeaving(entry))
    if (entries.length === 0) {
      // A commit of the offset that a record on its way carries waits for that record.
      const last = this.#underWay.at(-1)
      if (last !== undefined) last.waiters.push(...waiters)
      else for (const waiter of waiters) waiter(undefined)
      return
    }
    const flush: Flush = { failure: undefined, left: Math.ceil(entries.length / perRecord), waiters }
    this.#underWay.push(flush)
    for (let i = 0; i < entries.length; i += perRecord) this.#appendSome(flush, entries.slice(i, i + perRecord))
  }

  #appendSome(flush: Flush, entries: ReadonlyArray<ConsumerOffset.OffsetEntry>): void {
    this.#append({ kind: "offsets", offsets: entries.map(tuple) }, (failure) => {
      flush.failure ??= failure
      if (failure === undefined) for (const entry of entries) this.#becameDurable(entry)
      else for (const entry of entries) this.#again(entry)
      if (--flush.left > 0) return
      this.#underWay.splice(this.#underWay.indexOf(flush), 1)
      for (const waiter of flush.waiters) waiter(flush.failure)
    })
  }

  #becameDurable(entry: ConsumerOffset.OffsetEntry): void {
    const { group, queueId, queueOffset, topic } = entry
    ConsumerOffset.apply(this.durable, entry)
    this.onDurable()
    this.#world.trace?.("PersistOffset", { group, queueId, queueOffset, topic })
  }

  #again({ group, queueId, topic }: ConsumerOffset.OffsetEntry): void {
    ConsumerOffset.markDirty(this.offsets, group, topic, queueId)
  }
}

const tuple = ({ group, isReset, queueId, queueOffset, topic }: ConsumerOffset.OffsetEntry): OffsetTuple =>
  isReset === true ? [group, topic, queueId, queueOffset, 1] : [group, topic, queueId, queueOffset]
