/**
 * A consumer of a group that consumes in order: it locks its queues, renews the locks, believes in one for 30 s, and
 * works on one message of a queue at a time, again and again until it succeeds.
 */
import { type MessageQueue, print } from "../../../../src/domain/MessageQueue.ts"
import { LockBatch, LockBatchAnswer } from "../../../../src/format/LockBatch.ts"
import { Malformed } from "../../../../src/format/Malformed.ts"
import { RequestCode } from "../../../../src/format/RequestCode.ts"
import { ResponseCode } from "../../../../src/format/ResponseCode.ts"
import { standard } from "../../../../src/format/shape.ts"
import { RemotingError } from "../../../../src/infra/remoting/RemotingError.ts"
import { failuresOf } from "./failures.ts"
import { GroupMember, type MemberOptions } from "./GroupMember.ts"
import { ProcessQueue } from "./ProcessQueue.ts"
import type { History } from "../History.ts"
import type { World } from "../../../../src/infra/world/World.ts"

const lockEveryMs = 2000
const lockTimeoutMs = 1000
/** RocketMQ's rebalance.lockMaxLiveTime: half of the broker's lease. */
const believedMs = 30_000
/** A failed message is tried again so often; then it succeeds. */
const failuresMax = 2

export class OrderlyConsumer extends GroupMember {
  readonly #failures = new Map<string, number>()

  constructor(world: World, history: History, options: MemberOptions) {
    super(world, history, options)
    this.#lockLater()
  }

  protected mayPull(queue: ProcessQueue): boolean {
    return this.#isLocked(queue)
  }

  protected override added(): void {
    this.#lockAll()
  }

  protected arrived(queue: ProcessQueue): void {
    this.#next(queue)
  }

  protected mayGo(queue: ProcessQueue): boolean {
    queue.isLeaving = true
    return !queue.isConsuming
  }

  protected stays(queue: ProcessQueue): void {
    if (!queue.isLeaving) return
    queue.isLeaving = false
    this.#next(queue)
  }

  protected removed(queue: ProcessQueue): void {
    // A consumer that leaves in the middle of a message keeps the lock until its lease is over.
    if (!queue.isConsuming) this.#unlock(queue)
  }

  #isLocked({ lockedAtMs }: ProcessQueue): boolean {
    return lockedAtMs !== undefined && this.world.clock.monotonicMs() - lockedAtMs < believedMs
  }

  #lockLater(): void {
    this.world.clock.after(lockEveryMs, () => {
      if (this.hasLeft) return
      this.#lockAll()
      this.#lockLater()
    })
  }

  #lockAll(): void {
    const byBroker = Map.groupBy(this.queues.values(), ({ queue }) => queue.brokerName)
    for (const queues of byBroker.values()) this.#lock(queues)
  }

  #lock(queues: ReadonlyArray<ProcessQueue>): void {
    const address = this.address(queues[0]!.queue)
    if (address === undefined) return
    const body = this.#body(queues.map(({ queue }) => queue))
    // From the moment of asking: an answer that lay about during a pause must not make an old lease look young.
    const askedMs = this.world.clock.monotonicMs()
    this.client.ask(address, { body, code: RequestCode.LOCK_BATCH_MQ }, lockTimeoutMs, (outcome) => {
      if (outcome instanceof RemotingError || outcome.code !== ResponseCode.SUCCESS) return
      const answer = LockBatchAnswer.decode(outcome.body)
      if (answer instanceof Malformed) throw answer
      for (const queue of queues) {
        const isOurs = answer.lockOKMQSet.some(
          ({ queueId, topic }) => queueId === queue.queue.queueId && topic === queue.queue.topic,
        )
        this.#locked(queue, isOurs ? askedMs : undefined)
      }
    })
  }

  #locked(queue: ProcessQueue, lockedAtMs: number | undefined): void {
    if (queue.isDropped) {
      // Granted while it went to another: given back, unless it is ours again.
      if (lockedAtMs !== undefined && !this.queues.has(print(queue.queue))) this.#unlock(queue)
      return
    }
    const was = this.#isLocked(queue)
    queue.lockedAtMs = lockedAtMs
    const is = this.#isLocked(queue)
    if (is && !was) {
      // Another may have worked on the queue since: the group's offset says where to go on.
      queue.nextOffset = undefined
      queue.committed = undefined
      queue.pending.clear()
      this.begin(queue)
    }
    if (!is) {
      queue.nextOffset = undefined
      queue.pending.clear()
    }
  }

  #unlock({ queue }: ProcessQueue): void {
    const address = this.address(queue)
    if (address === undefined) return
    this.client.ask(address, { body: this.#body([queue]), code: RequestCode.UNLOCK_BATCH_MQ }, lockTimeoutMs, () => {})
  }

  #body(mqSet: ReadonlyArray<MessageQueue>): Buffer {
    const { group, life } = this.options
    return LockBatch.encode({ clientId: life, consumerGroup: group.name, mqSet, onlyThisBroker: false }, standard)
  }

  /** Begins the next message of a queue. */
  #next(queue: ProcessQueue): void {
    if (queue.isConsuming || queue.isLeaving || queue.isDropped || this.hasLeft) return
    if (!this.#isLocked(queue)) return
    const [first] = queue.pending.values()
    if (first === undefined) return this.pull(queue)
    const { clock, random } = this.world
    queue.isConsuming = true
    const { delivery } = first
    const { history } = this
    delivery.startedMs ??= history.nowMs
    delivery.believedUntilMs ??= history.nowMs + believedMs - (clock.monotonicMs() - (queue.lockedAtMs ?? 0))
    clock.after(random.below(random.below(30) === 0 ? 3000 : 30), () => {
      queue.isConsuming = false
      if (this.#fails(delivery.key)) return void clock.after(100, () => this.#next(queue))
      delivery.settled = { atMs: this.history.nowMs, how: "Consumed" }
      // What began anew meanwhile holds other messages.
      if (queue.pending.get(delivery.queueOffset) === first) queue.pending.delete(delivery.queueOffset)
      this.#next(queue)
    })
  }

  #fails(key: string): boolean {
    const failed = this.#failures.get(key) ?? 0
    if (failed >= Math.min(failuresMax, failuresOf(this.options.group.name, key))) return false
    this.#failures.set(key, failed + 1)
    return true
  }
}
