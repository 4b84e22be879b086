/** One simulated broker with a topic of one queue, and a group that asks it for messages by their properties. */
import * as Properties from "../../src/domain/Properties.ts"
import { retryTopic } from "../../src/domain/Topic.ts"
import { PullFlag } from "../../src/domain/SysFlag.ts"
import type { Command } from "../../src/format/Command.ts"
import * as Admin from "../../src/format/Admin.ts"
import { ConsumerConnection } from "../../src/format/Connections.ts"
import * as Heartbeat from "../../src/format/Heartbeat.ts"
import * as Format from "../../src/format/PullMessage.ts"
import { QueueView } from "../../src/format/QueueView.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import { standard } from "../../src/format/shape.ts"
import { Malformed } from "../../src/format/Malformed.ts"
import { ConsumerSendMsgBack } from "../../src/format/SendMessage.ts"
import { RemotingClient } from "../../src/infra/remoting/RemotingClient.ts"
import { RemotingError } from "../../src/infra/remoting/RemotingError.ts"
import type { Request } from "../../src/infra/remoting/RemotingConnection.ts"
import type { BrokerConfig } from "../../src/node/broker/BrokerConfig.ts"
import { brokerAddress, createTopic, OneBroker, send } from "./cluster.ts"

export const topic = "orders"
export const group = "billing"

export class FilterRig {
  readonly one: OneBroker
  readonly #others = new Map<string, RemotingClient>()

  constructor(seed: number, config: Partial<BrokerConfig> = {}) {
    this.one = new OneBroker(seed, config)
    this.one.ask(createTopic(topic))
  }

  run(ms: number): void {
    this.one.world.sim.runFor(ms)
  }

  restart(): void {
    this.one.stop()
    this.one.start()
    this.run(10)
  }

  /** Deletes a folder of queues of the broker that was stopped: topics, queues, files. */
  removeFiles(folder: string): void {
    const { disk } = this.one.node
    for (const name of disk.list(folder)) {
      if (!/^\d{20}$/.test(name)) this.removeFiles(`${folder}/${name}`)
      disk.remove(`${folder}/${name}`)
    }
  }

  /** Its body is the property `n`, unless given. */
  send(properties: Readonly<Record<string, string>>, body = properties["n"] ?? ""): void {
    const request = send(topic, 0, Properties.print(Object.entries(properties)))
    const answer = this.one.ask({ ...request, body: Buffer.from(body) })
    if (answer.code !== ResponseCode.SUCCESS) throw new Error(answer.remark)
  }

  /** A client of the group says what it subscribes; undefined: nothing any more. */
  subscribe(expression: string | undefined, subVersion: number, expressionType = "SQL92", clientId = "c"): Command {
    const subscriptionDataSet = expression === undefined ? [] : [subscriptionOf(expression, subVersion, expressionType)]
    return this.#as(clientId, {
      body: Heartbeat.Heartbeat.encode(
        {
          clientID: clientId,
          consumerDataSet: [
            {
              consumeFromWhere: "CONSUME_FROM_FIRST_OFFSET",
              consumeType: "CONSUME_PASSIVELY",
              groupName: group,
              messageModel: "CLUSTERING",
              subscriptionDataSet,
              unitMode: false,
            },
          ],
          heartbeatFingerprint: 0,
          producerDataSet: [],
          withoutSub: false,
        },
        standard,
      ),
      code: RequestCode.HEART_BEAT,
    })
  }

  /** A client leaves without a word. */
  leave(clientId: string): void {
    this.#others.get(clientId)?.close()
    this.run(10)
  }

  /** Who is connected for the group, as administrators are told. */
  connections(): ConsumerConnection {
    const ext = Format.ConsumerGroupOf.encode({ consumerGroup: group })
    const answer = this.one.ask({ code: RequestCode.GET_CONSUMER_CONNECTION_LIST, ext })
    const read = ConsumerConnection.decode(answer.body)
    if (read instanceof Malformed) throw read
    return read
  }

  /** The entries of the queue, as administrators are shown them. */
  queueView(): QueueView {
    const ext = Admin.QueryConsumeQueue.encode({ consumerGroup: group, count: 10, index: 0, queueId: 0, topic })
    const read = QueueView.decode(this.one.ask({ code: RequestCode.QUERY_CONSUME_QUEUE, ext }).body)
    if (read instanceof Malformed) throw read
    return read
  }

  /** Each client but `c` has a connection of its own. */
  #as(clientId: string, request: Request): Command {
    if (clientId === "c") return this.one.ask(request)
    const { world } = this.one
    const known = this.#others.get(clientId)
    const client = known ?? new RemotingClient(world.node(clientId, `10.0.3.${this.#others.size + 1}`).world)
    this.#others.set(clientId, client)
    let answer: Command | RemotingError | undefined
    client.ask(brokerAddress, request, 60_000, (outcome) => (answer = outcome))
    world.sim.runUntil(() => answer !== undefined, 60_000)
    if (answer === undefined || answer instanceof RemotingError) throw answer ?? new Error("no answer in a minute")
    return answer
  }

  /** CHECK_CLIENT_CONFIG, as clients send it when they start. */
  check(expression: string, expressionType = "SQL92"): Command {
    const subscriptionData = subscriptionOf(expression, 1, expressionType)
    return this.one.ask({
      body: Heartbeat.CheckClientConfig.encode({ clientId: "c", group, subscriptionData }, standard),
      code: RequestCode.CHECK_CLIENT_CONFIG,
    })
  }

  /** Pulls by a condition of its own, or by the one that was subscribed. */
  pull(expression: string | undefined, queueOffset: number, subVersion = 0, expressionType = "SQL92"): Command {
    return this.one.ask(pullOf(expression, queueOffset, subVersion, 0, expressionType))
  }

  /** A pull that waits; its answer, once there is one. */
  hold(expression: string, queueOffset: number, suspendTimeoutMillis: number): () => Command | undefined {
    const answer = this.one.tell(pullOf(expression, queueOffset, 0, suspendTimeoutMillis))
    this.run(5)
    return () => {
      const outcome = answer()
      return outcome instanceof RemotingError ? undefined : outcome
    }
  }

  /** Gives a message back that the group could not consume; it comes again after a second. */
  sendBack(queueOffset: number): void {
    const { store } = this.one.broker.state
    const offset = store.queues.get(topic, 0).entrySync(queueOffset)!.commitLogOffset
    const ext = ConsumerSendMsgBack.encode({
      delayLevel: 1,
      group,
      maxReconsumeTimes: 16,
      offset,
      originTopic: topic,
      unitMode: false,
    })
    const answer = this.one.ask({ code: RequestCode.CONSUMER_SEND_MSG_BACK, ext })
    if (answer.code !== ResponseCode.SUCCESS) throw new Error(answer.remark)
  }

  /** The property `n` of what comes again. */
  retried(): ReadonlyArray<string> {
    const request = pullOf("*", 0, 0, 0, "TAG")
    return this.numbers(this.one.ask({ ...request, ext: { ...request.ext, topic: retryTopic(group) } }))
  }

  /** Goes through the queue as a consumer does; the property `n` of what it got. */
  pullAll(expression: string | undefined, subVersion = 0, expressionType = "SQL92"): ReadonlyArray<string> {
    const got: Array<string> = []
    for (let at = 0; ;) {
      const answer = this.pull(expression, at, subVersion, expressionType)
      if (answer.code === ResponseCode.SUCCESS) got.push(...this.numbers(answer))
      else if (answer.code !== ResponseCode.PULL_RETRY_IMMEDIATELY) return got
      at = this.next(answer)
    }
  }

  next(answer: Command): number {
    return Number(answer.ext["nextBeginOffset"])
  }

  /** The property `n` of the messages of an answer. */
  numbers({ body }: Command): ReadonlyArray<string> {
    const found: Array<string> = []
    for (let at = 0; at < body.length; at += StoredMessage.at.totalSize(body, at))
      found.push(Properties.find(StoredMessage.at.properties(body, at).toString(), "n") ?? "")
    return found
  }
}

const subscriptionOf = (subString: string, subVersion: number, expressionType: string) => ({
  classFilterMode: false,
  codeSet: new Set<number>(),
  expressionType,
  subString,
  subVersion,
  tagsSet: new Set<string>(),
  topic,
})

const pullOf = (
  expression: string | undefined,
  queueOffset: number,
  subVersion: number,
  suspendTimeoutMillis: number,
  expressionType = "SQL92",
): Request => ({
  code: RequestCode.PULL_MESSAGE,
  ext: Format.PullMessage.encode({
    commitOffset: 0,
    consumerGroup: group,
    expressionType,
    maxMsgNums: 32,
    queueId: 0,
    queueOffset,
    subVersion,
    ...(expression === undefined ? {} : { subscription: expression }),
    suspendTimeoutMillis,
    sysFlag: (expression === undefined ? 0 : PullFlag.SUBSCRIPTION) | (suspendTimeoutMillis > 0 ? PullFlag.SUSPEND : 0),
    topic,
  }),
})
