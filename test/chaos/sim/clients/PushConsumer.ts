/** A consumer of a group that consumes concurrently: what fails is sent back to the broker and comes again. */
import { MessageFlag } from "../../../../src/domain/SysFlag.ts"
import { RequestCode } from "../../../../src/format/RequestCode.ts"
import { ResponseCode } from "../../../../src/format/ResponseCode.ts"
import * as Format from "../../../../src/format/SendMessage.ts"
import { RemotingError } from "../../../../src/infra/remoting/RemotingError.ts"
import { GroupMember, nameOf, timeoutMs } from "./GroupMember.ts"
import { failuresOf } from "./failures.ts"
import type { Pending, ProcessQueue } from "./ProcessQueue.ts"

export class PushConsumer extends GroupMember {
  readonly #begun = new WeakSet<Pending>()

  protected mayPull(): boolean {
    return true
  }

  protected mayGo(): boolean {
    return true
  }

  protected stays(): void {}

  protected removed(): void {}

  protected arrived(queue: ProcessQueue): void {
    for (const pending of queue.pending.values()) {
      if (this.#begun.has(pending)) continue
      this.#begun.add(pending)
      this.#consumeLater(queue, pending)
    }
  }

  #consumeLater(queue: ProcessQueue, pending: Pending): void {
    const { clock, random } = this.world
    clock.after(random.below(random.below(50) === 0 ? 4000 : 60), () => this.#consume(queue, pending))
  }

  #consume(queue: ProcessQueue, pending: Pending): void {
    // A real consumer works on what it holds of a queue that went to another; here it is as good to forget it.
    if (queue.isDropped || this.hasLeft) return
    const { delivery } = pending
    if (delivery.reconsumeTimes < failuresOf(delivery.group, delivery.key)) return this.#sendBack(queue, pending)
    delivery.settled = { atMs: this.history.nowMs, how: "Consumed" }
    this.tell("Ack", queue.queue, { queueOffset: delivery.queueOffset })
    queue.pending.delete(delivery.queueOffset)
  }

  #sendBack(queue: ProcessQueue, pending: Pending): void {
    const { delivery, message } = pending
    const { group, life } = this.options
    const again = (): void => void this.world.clock.after(500, () => this.#consume(queue, pending))
    const address = this.address(queue.queue)
    if (address === undefined) return again()
    const ext = Format.ConsumerSendMsgBack.encode({
      delayLevel: this.world.random.below(3),
      group: group.name,
      maxReconsumeTimes: group.maxReconsumeTimes,
      offset: message.physicalOffset,
      originMsgId: delivery.key,
      originTopic: delivery.topic,
      unitMode: (message.sysFlag & MessageFlag.INNER_BATCH) !== 0,
    })
    this.client.ask(address, { code: RequestCode.CONSUMER_SEND_MSG_BACK, ext }, timeoutMs, (outcome) => {
      const code = outcome instanceof RemotingError ? outcome.reason : outcome.code
      this.history.note(life, `sends ${delivery.key} of ${nameOf(queue.queue)} back: ${code}`)
      if (code !== ResponseCode.SUCCESS) return again()
      delivery.settled = { atMs: this.history.nowMs, how: "SentBack" }
      this.tell("Settle", queue.queue, { queueOffset: delivery.queueOffset })
      queue.pending.delete(delivery.queueOffset)
    })
  }
}
