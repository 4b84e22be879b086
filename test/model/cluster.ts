/** One broker, or a broker and a name server, on simulated machines, asked by a test that waits in virtual time. */
import * as Effect from "effect/Effect"
import type { Command } from "../../src/format/Command.ts"
import * as Admin from "../../src/format/Admin.ts"
import * as Format from "../../src/format/PullMessage.ts"
import * as Send from "../../src/format/SendMessage.ts"
import * as Heartbeat from "../../src/format/Heartbeat.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { standard } from "../../src/format/shape.ts"
import type { Disk } from "../../src/infra/disk/Disk.ts"
import { keepNone } from "../../src/infra/disk/survival.ts"
import { RemotingClient } from "../../src/infra/remoting/RemotingClient.ts"
import type { Request } from "../../src/infra/remoting/RemotingConnection.ts"
import { RemotingError } from "../../src/infra/remoting/RemotingError.ts"
import { makeSimWorld, type NodeOptions, type SimNode, type SimWorld } from "../../src/infra/world/SimWorld.ts"
import type { World } from "../../src/infra/world/World.ts"
import type { Broker } from "../../src/node/broker/Broker.ts"
import * as BrokerModule from "../../src/node/broker/Broker.ts"
import { type BrokerConfig, defaults } from "../../src/node/broker/BrokerConfig.ts"
import * as NameServer from "../../src/node/nameserver/NameServer.ts"
import * as NamesrvConfig from "../../src/node/nameserver/NamesrvConfig.ts"
import { DiskWeather } from "../chaos/sim/DiskWeather.ts"

export const brokerAddress = { host: "10.0.1.1", port: 10_911 }
export const nameServerAddress = { host: "10.0.0.1", port: 9876 }

export class OneBroker {
  readonly world: SimWorld
  readonly node: SimNode
  readonly diskWeather = new DiskWeather()
  broker!: Broker
  #config: BrokerConfig
  readonly #client: RemotingClient
  #stop: () => void = () => {}

  constructor(seed: number, config: Partial<BrokerConfig> = {}) {
    this.world = makeSimWorld(seed)
    this.#config = {
      ...defaults,
      bindAddress: "0.0.0.0",
      brokerIP1: brokerAddress.host,
      mappedFileSizeCommitLog: 256 * 1024,
      mappedFileSizeConsumeQueue: 4000,
      maxHashSlotNum: 64,
      maxIndexNum: 256,
      maxMessageSize: 8192,
      storePathRootDir: "/store",
      writeRingBytes: 1024 * 1024,
      ...config,
    }
    this.node = this.world.node("broker", brokerAddress.host, { faults: this.diskWeather })
    this.#client = new RemotingClient(this.world.node("client", "10.0.2.1").world)
    this.#run(this.node.world)
  }

  /** Starts a name server that has never heard of anybody. */
  nameServer(name: string): SimNode {
    const node = this.world.node(name, nameServerAddress.host)
    this.serveNames(node.world)
    return node
  }

  serveNames(world: World): void {
    const config = { ...NamesrvConfig.defaults("/home"), bindAddress: nameServerAddress.host }
    Effect.runForkWith(world.context)(Effect.scoped(Effect.andThen(NameServer.make(config, world), Effect.never)))
    this.world.sim.runFor(10)
  }

  /** Asks the broker, or another server, and waits for the answer. */
  ask(request: Request, address = brokerAddress): Command {
    const answer = this.tell(request, address)
    this.world.sim.runUntil(() => answer() !== undefined, 60_000)
    const outcome = answer()
    if (outcome === undefined || outcome instanceof RemotingError) throw outcome ?? new Error("no answer in a minute")
    return outcome
  }

  /** Asks and does not wait: what is answered is known later. */
  tell(request: Request, address = brokerAddress): () => Command | RemotingError | undefined {
    let answer: Command | RemotingError | undefined
    this.#client.ask(address, request, 60_000, (outcome) => (answer = outcome))
    return () => answer
  }

  /** The body of a message, as the store reads it now; undefined when it is lost or rotten. */
  read(topic: string, queueId: number, queueOffset: number): string | undefined {
    const { store } = this.broker.state
    const entry = store.queues.get(topic, queueId).entrySync(queueOffset)
    let body: string | undefined
    let isRead = false
    if (entry === undefined) return undefined
    store.lookAt(entry.commitLogOffset, (message) => {
      body = message?.body.toString()
      isRead = true
    })
    this.world.sim.runUntil(() => isRead, 60_000)
    return body
  }

  /** Nothing survives but what was synced. */
  powerCut(): void {
    this.node.powerCut(keepNone)
    this.#reset()
  }

  /** `kill -9`: the page cache stays. */
  kill(): void {
    this.node.crash()
    this.#reset()
  }

  #reset(): void {
    // The client would wait for its dead connection; how it finds out is not what is tested here.
    this.world.network.breakConnections("10.0.2.1", brokerAddress.host)
    this.world.sim.runFor(10)
  }

  /** Ends it in order, as SIGTERM does. */
  stop(): void {
    let hasEnded = false
    this.#ended = () => (hasEnded = true)
    this.#stop()
    this.world.sim.runUntil(() => hasEnded, 120_000)
    this.node.crash()
  }

  /** Starts it again, with other settings if there are any; `prepare` sees the disk before the broker does. */
  start(
    options: NodeOptions = {},
    changes: Partial<BrokerConfig> = {},
    prepare: (disk: Disk) => void = () => {},
  ): void {
    this.#config = { ...this.#config, ...changes }
    const world = this.node.restart(options)
    prepare(world.disk)
    this.#run(world)
  }

  #ended: () => void = () => {}

  #run(bare: World): void {
    const world = this.diskWeather.over(bare)
    let broker: Broker | undefined
    const main = Effect.gen({ self: this }, function* () {
      broker = yield* BrokerModule.make(this.#config, world, 1)
      return yield* Effect.never
    })
    const fiber = Effect.runForkWith(world.context)(Effect.scoped(main))
    fiber.addObserver(() => this.#ended())
    this.#stop = () => fiber.interruptUnsafe()
    if (!this.world.sim.runUntil(() => broker !== undefined, 60_000) || broker === undefined)
      throw new Error("the broker does not start")
    this.broker = broker
  }
}

export const send = (topic: string, queueId: number, properties = ""): Request => ({
  body: Buffer.from("hello"),
  code: RequestCode.SEND_MESSAGE_V2,
  ext: Send.SendMessageV2.encode({
    bornTimestamp: 1,
    defaultTopic: "TBW102",
    defaultTopicQueueNums: 1,
    flag: 0,
    producerGroup: "p",
    properties,
    queueId,
    sysFlag: 0,
    topic,
  }),
})

export const createTopic = (topic: string): Request => ({
  code: RequestCode.UPDATE_AND_CREATE_TOPIC,
  ext: Admin.CreateTopic.encode({
    defaultTopic: "",
    order: false,
    perm: 6,
    readQueueNums: 1,
    topic,
    topicFilterType: "SINGLE_TAG",
    writeQueueNums: 1,
  }),
})

export const heartbeat = (group: string): Request => heartbeatOf(group, "c")

export const heartbeatOf = (group: string, clientID: string, consumeType = "CONSUME_PASSIVELY"): Request => ({
  body: Heartbeat.Heartbeat.encode(
    {
      clientID,
      consumerDataSet: [
        {
          consumeFromWhere: "CONSUME_FROM_FIRST_OFFSET",
          consumeType: consumeType === "CONSUME_ACTIVELY" ? "CONSUME_ACTIVELY" : "CONSUME_PASSIVELY",
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
  ),
  code: RequestCode.HEART_BEAT,
})

export const commit = (group: string, topic: string, queueId: number, commitOffset: number): Request => ({
  code: RequestCode.UPDATE_CONSUMER_OFFSET,
  ext: Format.UpdateConsumerOffset.encode({ commitOffset, consumerGroup: group, queueId, topic }),
})

export const query = (group: string, topic: string, queueId: number): Request => ({
  code: RequestCode.QUERY_CONSUMER_OFFSET,
  ext: Format.QueryConsumerOffset.encode({ consumerGroup: group, queueId, topic }),
})
