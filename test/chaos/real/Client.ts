/**
 * The client of the kill loop: sends to the queues of one topic without a pause, in a window, on one connection, and
 * commits an offset that only grows. It remembers what was acknowledged, and in which order it sent on each connection.
 */
import * as Properties from "../../../src/domain/Properties.ts"
import { PropertyName } from "../../../src/domain/Properties.ts"
import * as Heartbeat from "../../../src/format/Heartbeat.ts"
import { Malformed } from "../../../src/format/Malformed.ts"
import * as MessageId from "../../../src/format/MessageId.ts"
import * as Pull from "../../../src/format/PullMessage.ts"
import { RequestCode } from "../../../src/format/RequestCode.ts"
import { ResponseCode } from "../../../src/format/ResponseCode.ts"
import * as Send from "../../../src/format/SendMessage.ts"
import { standard } from "../../../src/format/shape.ts"
import type { Address } from "../../../src/infra/network/Network.ts"
import { RemotingClient } from "../../../src/infra/remoting/RemotingClient.ts"
import { RemotingError } from "../../../src/infra/remoting/RemotingError.ts"
import type { SeededRandom } from "../../../src/infra/random/SeededRandom.ts"
import type { World } from "../../../src/infra/world/World.ts"

export interface Acknowledged {
  readonly sequence: number
  readonly queueId: number
  readonly queueOffset: number
  readonly commitLogOffset: number
}

export const topic = "kills"
export const group = "survivors"
export const queueNums = 4

const windowMax = 64
const timeoutMs = 3000

export class Client {
  readonly acknowledged: Array<Acknowledged> = []
  /** The offset whose commit was answered last, and the one that was sent last, of queue 0. */
  committed = 0
  committing = 0
  sent = 0
  readonly #world: World
  readonly #random: SeededRandom
  readonly #broker: Address
  readonly #client: RemotingClient
  #underWay = 0
  #isOver = false

  constructor(world: World, random: SeededRandom, broker: Address) {
    this.#world = world
    this.#random = random
    this.#broker = broker
    this.#client = new RemotingClient(world, { limits: { connectTimeoutMs: 1000 } })
    this.#fill()
    this.#commit()
  }

  /** Sends no more; `done` runs when everything sent is answered or given up. */
  end(done: () => void): void {
    this.#isOver = true
    const wait = (): void => {
      if (this.#underWay > 0) return void this.#world.clock.after(10, wait)
      this.#client.close()
      done()
    }
    wait()
  }

  #fill(): void {
    while (!this.#isOver && this.#underWay < windowMax) this.#send()
  }

  #send(): void {
    const sequence = ++this.sent
    this.#underWay++
    const ext = Send.SendMessageV2.encode({
      bornTimestamp: this.#world.clock.nowMs(),
      defaultTopic: "TBW102",
      defaultTopicQueueNums: queueNums,
      flag: 0,
      producerGroup: "killed",
      properties: Properties.print([[PropertyName.KEYS, String(sequence)]]),
      queueId: sequence % queueNums,
      sysFlag: 0,
      topic,
    })
    const body = Buffer.alloc(1 + this.#random.below(400), `${sequence} `)
    this.#client.ask(this.#broker, { body, code: RequestCode.SEND_MESSAGE_V2, ext }, timeoutMs, (outcome) => {
      this.#underWay--
      if (outcome instanceof RemotingError || outcome.code !== ResponseCode.SUCCESS) {
        // The broker is dead or busy: not in a tight loop.
        this.#world.clock.after(5, () => this.#fill())
        return
      }
      const answer = Send.SendMessageAnswer.decode(outcome.ext)
      if (answer instanceof Malformed) throw answer
      const id = MessageId.decode(answer.msgId)
      if (id instanceof Malformed) throw id
      const { queueId, queueOffset } = answer
      this.acknowledged.push({ commitLogOffset: id.physicalOffset, queueId, queueOffset, sequence })
      this.#fill()
    })
  }

  /** Commits ever larger offsets, one after the other answered; a heartbeat first, which makes the group. */
  #commit(): void {
    if (this.#isOver) return
    const again = (): void => void this.#world.clock.after(20, () => this.#commit())
    const heartbeat = Heartbeat.Heartbeat.encode(
      {
        clientID: "survivor",
        consumerDataSet: [
          {
            consumeFromWhere: "CONSUME_FROM_FIRST_OFFSET",
            consumeType: "CONSUME_PASSIVELY",
            groupName: group,
            messageModel: "CLUSTERING",
            subscriptionDataSet: [],
            unitMode: false,
          },
        ],
        heartbeatFingerprint: 0,
        producerDataSet: [],
        withoutSub: false,
      },
      standard,
    )
    this.#client.ask(this.#broker, { body: heartbeat, code: RequestCode.HEART_BEAT }, timeoutMs, (beat) => {
      if (beat instanceof RemotingError) return again()
      const commitOffset = ++this.committing
      const ext = Pull.UpdateConsumerOffset.encode({ commitOffset, consumerGroup: group, queueId: 0, topic })
      this.#client.ask(this.#broker, { code: RequestCode.UPDATE_CONSUMER_OFFSET, ext }, timeoutMs, (outcome) => {
        if (!(outcome instanceof RemotingError) && outcome.code === ResponseCode.SUCCESS) this.committed = commitOffset
        again()
      })
    })
  }
}
