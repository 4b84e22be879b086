/**
 * Writes op messages: which half messages are settled. Commits are gathered for up to transactionOpBatchInterval, since
 * their own records are the facts; a rollback is told at once, since nothing else tells of it. Decided in `OpMessage`.
 */
import * as OpMessage from "../../domain/OpMessage.ts"
import * as Properties from "../../domain/Properties.ts"
import { PropertyName } from "../../domain/Properties.ts"
import { TopicName } from "../../domain/Topic.ts"
import { isBlank } from "../../format/ConsumeQueueEntry.ts"
import { DiskError } from "../../infra/disk/Disk.ts"
import type { ConsumeQueue } from "../../infra/store/ConsumeQueue.ts"
import type { BrokerState } from "./BrokerState.ts"

/** After a refusal of the store. */
const retryMs = 100

const properties = Properties.print([
  [PropertyName.TAGS, OpMessage.removeTag],
  [PropertyName.WAIT, "true"],
])

/** Told when the op message is on disk, or that this is not known. */
type Done = (isStored: boolean) => void

export class OpJournal {
  readonly #state: BrokerState
  /** Told when op messages are on disk: the group's offsets may follow. */
  onTold: () => void = () => {}
  readonly #ops: OpMessage.Ops = new Map()
  readonly #buffer = OpMessage.makeBuffer()
  #waiting: Array<Done> = []
  /** The lowest half that is rolled back while the log does not say so. */
  #untold: number | undefined
  /** Where the log has the first end of which the buffer tells, and of which each op message under way. */
  #since = Number.MAX_SAFE_INTEGER
  readonly #underWay = new Set<{ readonly since: number }>()
  #cancel: (() => void) | undefined
  #isSoon = false
  /** Op messages below it are of no use any more. */
  #from = 0

  constructor(state: BrokerState) {
    this.#state = state
  }

  get #queue(): ConsumeQueue {
    return this.#state.store.queues.get(TopicName.TRANS_OP_HALF, 0)
  }

  /** Reads the op messages from `queueOffset` on. Answers the halves that they settle. */
  load(queueOffset: number): ReadonlySet<number> {
    const { store } = this.#state
    const queue = this.#queue
    queue.correctMin(store.log.minOffset)
    this.#from = Math.min(Math.max(queueOffset, queue.minOffset), queue.maxOffset)
    const settled = new Set<number>()
    for (let at = this.#from; at < queue.maxOffset; at++) {
      const entry = queue.entrySync(at)
      const message =
        entry === undefined || isBlank(entry.sizeBytes) ? undefined : store.recordAtSync(entry.commitLogOffset)
      const halves = message === undefined ? [] : OpMessage.parse(message.body.toString("utf8"))
      OpMessage.noted(this.#ops, at, halves)
      for (const half of halves) settled.add(half)
    }
    return settled
  }

  /** A half is settled by the record at `commitLogOffset`. */
  add(halfQueueOffset: number, commitLogOffset: number): void {
    const { config } = this.#state
    OpMessage.add(this.#buffer, halfQueueOffset)
    this.#since = Math.min(this.#since, commitLogOffset)
    if (OpMessage.isFull(this.#buffer, config.transactionOpMsgMaxSize)) this.flush()
    else this.#cancel ??= this.#state.world.clock.after(config.transactionOpBatchInterval, () => this.flush())
  }

  /** The same, and `done` when it is a fact. What else is settled in this turn shares the op message. */
  addNow(halfQueueOffset: number, done: Done): void {
    OpMessage.add(this.#buffer, halfQueueOffset)
    this.#untold = Math.min(this.#untold ?? halfQueueOffset, halfQueueOffset)
    this.#waiting.push(done)
    if (this.#isSoon) return
    this.#isSoon = true
    this.#state.world.clock.soon(() => {
      this.#isSoon = false
      this.flush()
    })
  }

  /** Everything that ends a transaction below this offset of the log is told by an op message on disk. */
  position(readableOffset: number): number {
    let position = Math.min(this.#since, readableOffset)
    for (const { since } of this.#underWay) position = Math.min(position, since)
    return position
  }

  /** The lowest half that is rolled back while the log does not say so; undefined when it says all. */
  get untoldOffset(): number | undefined {
    return this.#untold
  }

  /** How far the op queue is settled, now that halves below `halfProgress` are. */
  progress(halfProgress: number): number {
    this.#from = OpMessage.progress(this.#ops, this.#from, halfProgress)
    return this.#from
  }

  /** Writes what is gathered. */
  flush(): void {
    this.#cancel?.()
    this.#cancel = undefined
    const { config } = this.#state
    let body = OpMessage.take(this.#buffer, config.transactionOpMsgMaxSize)
    if (body === undefined) return
    const flight = { since: this.#since }
    const waiting = this.#waiting
    this.#since = Number.MAX_SAFE_INTEGER
    this.#waiting = []
    this.#underWay.add(flight)
    for (; body !== undefined; body = OpMessage.take(this.#buffer, config.transactionOpMsgMaxSize)) {
      const isLast = this.#buffer.offsets.length === 0
      const refused = this.#put(body, isLast ? () => this.#stored(flight, waiting) : undefined, () => {
        for (const done of waiting) done(false)
      })
      if (refused === undefined) continue
      // The broker ends: the next one finds in the log what is told here.
      if (refused === "Closed") return
      for (const half of OpMessage.parse(body)) OpMessage.add(this.#buffer, half)
      this.#underWay.delete(flight)
      this.#since = flight.since
      this.#waiting = waiting
      this.#state.world.log.warn(`op messages of transactions wait: ${refused}; trying again`)
      this.#cancel = this.#state.world.clock.after(retryMs, () => this.flush())
      return
    }
    this.#untold = undefined
  }

  stop(): void {
    this.flush()
    this.#cancel?.()
  }

  #stored(flight: { readonly since: number }, waiting: ReadonlyArray<Done>): void {
    this.#underWay.delete(flight)
    this.#state.metadata.transactionsAdvanced()
    this.onTold()
    for (const done of waiting) done(true)
  }

  /** Why the store does not take it; undefined when it does. */
  #put(body: string, stored: (() => void) | undefined, failed: () => void): string | undefined {
    const { store, world } = this.#state
    const nowMs = world.clock.nowMs()
    try {
      const put = store.put(
        this.#queue,
        {
          body: Buffer.from(body),
          bornHost: store.options.storeHost,
          bornTimestamp: nowMs,
          flag: 0,
          preparedTransactionOffset: 0,
          properties,
          reconsumeTimes: 0,
          sysFlag: 0,
        },
        stored === undefined
          ? undefined
          : { isPatient: true, stored: (status) => (status === "Stored" ? stored() : failed()) },
        true,
      )
      if (typeof put === "string") return put
      const halves = OpMessage.parse(body)
      OpMessage.noted(this.#ops, put.queueOffset, halves)
      world.trace?.("WriteOp", { commitLogOffset: put.commitLogOffset, halves: halves.join(",") })
      return undefined
    } catch (error) {
      if (error instanceof DiskError) return error.message
      throw error
    }
  }
}
