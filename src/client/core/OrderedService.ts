/**
 * Ordered consumption: of each queue one batch at a time, the next one when that was handled, and none without the
 * queue's lock. A batch that failed is tried again after a while; a message that had all its attempts is given away, and
 * the broker makes it a dead letter.
 *
 * Laws (test/model/client/ordered.test.ts)
 *   one     at most one handler is at work for a queue
 *   order   a message is first handled after the one before it was settled (P5)
 *   fenced  progress is told only while the lock is believed in that its messages were pulled under (P5)
 * Source: behaviour of RocketMQ 5.5.0 (ConsumeMessageOrderlyService).
 */
import { print } from "../../domain/MessageQueue.ts"
import type { ConsumerSettings } from "../ConsumerOptions.ts"
import type { Message } from "../Message.ts"
import type { ConsumeEvents, ConsumeService } from "./ConsumeService.ts"
import type { Handler, Verdict } from "./Handling.ts"
import type { Instance } from "./Instance.ts"
import type { ProcessQueue } from "./ProcessQueue.ts"
import type { SendBack } from "./SendBack.ts"

export class OrderedService implements ConsumeService {
  readonly #instance: Instance
  readonly #settings: ConsumerSettings
  readonly #handler: Handler
  readonly #sendBack: SendBack
  readonly #events: ConsumeEvents
  /** Queues that wait for a free hand, in the order in which they came. */
  readonly #ready = new Set<ProcessQueue>()
  /** Queues with a handler at work, also one of a grant that is over: the next grant's messages wait for it. */
  readonly #busy = new Set<string>()
  #active = 0
  #isStopped = false
  #whenIdle: (() => void) | undefined

  constructor(
    instance: Instance,
    settings: ConsumerSettings,
    handler: Handler,
    sendBack: SendBack,
    events: ConsumeEvents,
  ) {
    this.#instance = instance
    this.#settings = settings
    this.#handler = handler
    this.#sendBack = sendBack
    this.#events = events
  }

  readonly arrived = (queue: ProcessQueue): void => this.wake(queue)

  readonly wake = (queue: ProcessQueue): void => {
    this.#ready.add(queue)
    this.#work()
  }

  readonly mayGo = (queue: ProcessQueue): boolean => !queue.isConsuming

  readonly stop = (): void => {
    this.#isStopped = true
    this.#ready.clear()
  }

  readonly whenIdle = (done: () => void): void => {
    if (this.#active === 0) return done()
    this.#whenIdle = done
  }

  #mayWork(queue: ProcessQueue): boolean {
    if (queue.isDropped || queue.isConsuming || queue.isLeaving || this.#isStopped) return false
    return this.#settings.isBroadcasting || queue.isLocked(this.#instance.world.clock.monotonicMs())
  }

  #work(): void {
    for (const queue of this.#ready) {
      if (this.#active >= this.#settings.concurrency) return
      if (this.#busy.has(print(queue.queue)) && !queue.isDropped) continue
      this.#ready.delete(queue)
      if (this.#mayWork(queue)) this.#begin(queue)
    }
  }

  #begin(queue: ProcessQueue): void {
    const messages = queue.take(this.#settings.batchMax)
    if (messages.length === 0) return
    const gone = new Set<() => void>()
    const forgetQueue = queue.onDropped(() => {
      for (const run of gone) run()
    })
    let hasEnded = false
    queue.isConsuming = true
    this.#busy.add(print(queue.queue))
    queue.lastConsumeMs = this.#instance.world.clock.nowMs()
    this.#trace("Start", queue, messages)
    this.#active++
    const onGone = (run: () => void): (() => void) => {
      gone.add(run)
      return () => gone.delete(run)
    }
    this.#handler(messages, { isOrdered: true, onGone, queue: queue.queue }, (verdict) => {
      if (hasEnded) return
      hasEnded = true
      forgetQueue()
      this.#judged(queue, messages, verdict)
    })
  }

  #judged(queue: ProcessQueue, messages: ReadonlyArray<Message>, verdict: Verdict): void {
    const failed = verdict._tag === "Failed" ? undefined : (verdict.failed ?? new Map<Message, number>())
    const isDone = failed !== undefined && failed.size === 0
    if (isDone || queue.isDropped) this.#trace(isDone ? "Finish" : "Fail", queue, messages)
    if (queue.isDropped) return this.#ended(queue)
    if (isDone) return this.#commit(queue)
    if (verdict._tag === "Failed") {
      this.#instance.world.log.warn("a message handler failed, its queue waits", {
        error: verdict.error,
        group: this.#settings.group,
        messageId: messages[0]?.messageId,
        queue: queue.queue,
      })
    }
    // What stands before the first failure was handled; what stands behind it must wait for it.
    const from = failed === undefined ? 0 : messages.findIndex((message) => failed.has(message))
    const open = messages.slice(from)
    const isOver = (message: Message): boolean => this.#isOver(message, verdict)
    this.#giveAway(open.filter(isOver), (kept) => {
      const isLeft = (message: Message): boolean =>
        open.includes(message) && (!isOver(message) || kept.includes(message))
      for (const message of messages) this.#trace(isLeft(message) ? "Fail" : "Finish", queue, [message])
      if (queue.isDropped) return this.#ended(queue)
      const again = open.filter(isLeft)
      if (again.length === 0) return this.#commit(queue)
      queue.putBack(
        again.map((message) => (failed === undefined || failed.has(message) ? message.failedOnce() : message)),
      )
      const suspendMs =
        verdict._tag === "Failed" ? (verdict.suspendMs ?? this.#settings.suspendMs) : this.#settings.suspendMs
      this.#suspend(queue, suspendMs)
    })
  }

  /** Whether a message has no attempt left, or is not wanted another time. */
  #isOver(message: Message, verdict: Verdict): boolean {
    const { maxReconsumeTimes } = this.#settings
    const level = verdict._tag === "Failed" ? (verdict.delayLevel ?? 0) : (verdict.failed?.get(message) ?? 0)
    return level < 0 || (maxReconsumeTimes >= 0 && message.reconsumeTimes >= maxReconsumeTimes)
  }

  /** Gives messages away; `done` gets those that nobody took. */
  #giveAway(messages: ReadonlyArray<Message>, done: (kept: ReadonlyArray<Message>) => void): void {
    const kept: Array<Message> = []
    let left = messages.length
    if (left === 0) return done(kept)
    for (const message of messages) {
      this.#sendBack.giveBack(message, -1, (isTaken) => {
        if (!isTaken) kept.push(message)
        if (--left === 0) done(kept)
      })
    }
  }

  /** Events of spec/ordered, for each message of a batch. */
  #trace(action: string, { queue }: ProcessQueue, messages: ReadonlyArray<Message>): void {
    const { clientId, world } = this.#instance
    if (world.trace === undefined || this.#settings.isBroadcasting) return
    const { brokerName, queueId, topic } = queue
    const of = { brokerName, clientId, group: this.#settings.group, queueId, topic }
    for (const { queueOffset } of messages) world.trace(action, { ...of, queueOffset })
  }

  #commit(queue: ProcessQueue): void {
    const progress = queue.commit()
    const isFenced = !this.#settings.isBroadcasting && !queue.isLocked(this.#instance.world.clock.monotonicMs())
    this.#events.settled(queue, isFenced ? undefined : progress)
    this.#ended(queue)
    this.#instance.world.clock.soon(() => this.wake(queue))
  }

  #suspend(queue: ProcessQueue, delayMs: number): void {
    const cancel = this.#instance.world.clock.after(delayMs, () => {
      forget()
      this.wake(queue)
    })
    const forget = queue.onDropped(cancel)
    this.#ended(queue)
  }

  #ended(queue: ProcessQueue): void {
    queue.isConsuming = false
    this.#busy.delete(print(queue.queue))
    this.#active--
    if (queue.isLeaving && !queue.isDropped) this.#events.left(queue)
    if (this.#active === 0) {
      const done = this.#whenIdle
      this.#whenIdle = undefined
      done?.()
    }
    if (this.#ready.size > 0) this.#instance.world.clock.soon(() => this.#work())
  }
}
