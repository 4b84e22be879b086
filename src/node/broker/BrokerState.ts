/**
 * What the handlers of one broker share: its settings, its store, and the tables that the domain modules decide on.
 * Tables are changed by their domain modules only; this file holds them and says how the parts see each other.
 */
import * as ConsumerFilter from "../../domain/ConsumerFilter.ts"
import * as ConsumerGroup from "../../domain/ConsumerGroup.ts"
import * as DataVersion from "../../domain/DataVersion.ts"
import type { DelayLevels } from "../../domain/DelayLevel.ts"
import * as HeldPull from "../../domain/HeldPull.ts"
import * as ProducerGroup from "../../domain/ProducerGroup.ts"
import * as Pull from "../../domain/Pull.ts"
import * as PutTimes from "../../domain/PutTimes.ts"
import * as QueueLock from "../../domain/QueueLock.ts"
import type { Refusal } from "../../domain/Refusal.ts"
import type * as Retry from "../../domain/Retry.ts"
import * as Send from "../../domain/Send.ts"
import * as Statistics from "../../domain/Statistics.ts"
import * as Topic from "../../domain/Topic.ts"
import * as Host from "../../format/Host.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as MessageId from "../../format/MessageId.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { printAnswerTail } from "../../format/SendMessage.ts"
import * as UniqKey from "../../format/UniqKey.ts"
import type { Call } from "../../infra/remoting/Call.ts"
import type { RemotingConnection } from "../../infra/remoting/RemotingConnection.ts"
import type { ConsumeQueue } from "../../infra/store/ConsumeQueue.ts"
import type { MessageStore } from "../../infra/store/MessageStore.ts"
import type { World } from "../../infra/world/World.ts"
import type { BrokerConfig } from "./BrokerConfig.ts"
import type { Metadata } from "./Metadata.ts"

/** With more topics than this, none is looked for that a mistyped name may have meant: it would hold up the traffic. */
const hintedTopicsMax = 2000

export class BrokerState {
  /** Some of it may be changed while the broker runs, by `changeConfig`. */
  readonly config: BrokerConfig
  configVersion: DataVersion.DataVersion
  /** Told what was changed. */
  onConfigChanged: (changes: Partial<BrokerConfig>) => void = () => {}
  readonly world: World
  readonly store: MessageStore
  readonly metadata: Metadata
  readonly delayLevels: DelayLevels
  readonly consumers = ConsumerGroup.make<RemotingConnection>()
  readonly producers = ProducerGroup.make<RemotingConnection>()
  readonly locks: QueueLock.QueueLocks
  /** Groups whose members subscribe differently. */
  readonly mixedGroups = new Map<string, ReadonlyArray<ConsumerGroup.Mix>>()
  readonly filters: ConsumerFilter.ConsumerFilters
  readonly held = HeldPull.make<() => void>()
  readonly statistics = Statistics.make()
  /** Transactions that nobody has ended yet. */
  undecidedTransactions: () => number = () => 0
  /** What is counted too often for a table; see `StatisticsService`. */
  readonly counts = { getFound: 0, getMiss: 0, putFailed: 0 }
  readonly putTimes = PutTimes.make()
  readonly startedMs: number
  /** `ip:port` that clients are told. */
  brokerAddr: string
  /** The store host as offset message ids begin. */
  readonly messageIdPrefix: string
  /** Properties that every stored single message gets. */
  readonly stamp: string
  /** What every answer to a send carries, refusals too: the client's trace of the send is built from it. */
  readonly sendExt: { readonly MSG_REGION: string; readonly TRACE_ON: string }
  readonly sendExtPrinted: string
  readonly sendView: Send.View
  readonly pullView: Pull.View
  readonly sendSettings: Send.Settings
  readonly retrySettings: Retry.Settings
  readonly pullSettings: Pull.Settings
  readonly #uniqKeyPrefix: string
  readonly #bornHosts = new WeakMap<RemotingConnection, Host.Host>()
  #pick = 0
  #uniqKeys = 0

  constructor(
    config: BrokerConfig,
    world: World,
    store: MessageStore,
    metadata: Metadata,
    delayLevels: DelayLevels,
    filters: ConsumerFilter.ConsumerFilters,
    locksQuietUntilMs: number,
  ) {
    this.config = { ...config }
    this.configVersion = DataVersion.initial(world.clock.nowMs())
    this.world = world
    this.store = store
    this.metadata = metadata
    this.delayLevels = delayLevels
    this.startedMs = world.clock.nowMs()
    this.brokerAddr = `${config.brokerIP1}:${config.listenPort}`
    // A thousand grants a ms: no life of a broker gets as far as the next one begins.
    this.locks = QueueLock.make(locksQuietUntilMs, QueueLock.leaseMsDefault, this.startedMs * 1000)
    this.filters = filters
    this.sendExt = { MSG_REGION: config.regionId, TRACE_ON: config.traceOn ? "true" : "false" }
    this.sendExtPrinted = printAnswerTail(this.sendExt.MSG_REGION, this.sendExt.TRACE_ON)
    const { storeHost } = store.options
    this.messageIdPrefix = MessageId.prefix(storeHost)
    this.stamp = Send.printStamp({
      clusterName: config.brokerClusterName,
      regionId: config.regionId,
      traceOn: config.traceOn,
    })
    const ip = storeHost.subarray(0, storeHost.length - 4)
    this.#uniqKeyPrefix = UniqKey.prefix(ip, store.options.processId & 0xff_ff, world.random.u32() | 0)
    const topic = (name: string) => metadata.topics.get(name)
    const group = (name: string) => metadata.groups.get(name)
    const topicNames = () => (metadata.topics.size > hintedTopicsMax ? [] : metadata.topics.keys())
    const isAnyLockHeld = (name: string) => QueueLock.isAnyHeld(this.locks, name, world.clock.monotonicMs())
    this.sendView = { group, isAnyLockHeld, topic, topicNames }
    this.pullView = {
      compile: (expression, expressionType) => ConsumerFilter.compileAgain(this.filters, expression, expressionType),
      consumers: (name) => ConsumerGroup.find(this.consumers, name),
      filter: (name, of) => ConsumerFilter.find(this.filters, name, of),
      forbidden: (name, of) => metadata.forbidden.get(name)?.get(of) ?? 0,
      group,
      topic,
      topicNames,
    }
    this.sendSettings = sendSettingsOf(config)
    this.retrySettings = { ...this.sendSettings, delayLevels }
    this.pullSettings = pullSettingsOf(config)
  }

  /** Takes settings that may be changed while the broker runs: see `RuntimeSettings`. */
  changeConfig(changes: Partial<BrokerConfig>): void {
    Object.assign(this.config, changes)
    Object.assign(this.sendSettings, sendSettingsOf(this.config))
    Object.assign(this.retrySettings, this.sendSettings)
    Object.assign(this.pullSettings, pullSettingsOf(this.config))
    this.configVersion = DataVersion.next(this.configVersion, this.world.clock.nowMs())
    this.onConfigChanged(changes)
  }

  /** Whether a topic of this broker has the queue, to read or to write. */
  hasQueue(topic: string, queueId: number): boolean {
    const config = this.metadata.topics.get(topic)
    return config !== undefined && queueId >= 0 && queueId < Topic.queueNums(config)
  }

  /** The queue, when its topic has it: asking about others must not open files for them (promise P11). */
  queueOf(topic: string, queueId: number): ConsumeQueue | undefined {
    if (!this.hasQueue(topic, queueId)) return undefined
    const queue = this.store.queues.get(topic, queueId)
    queue.correctMin(this.store.log.minOffset)
    return queue
  }

  /** A queue as bodies name it. */
  messageQueue(topic: string, queueId: number) {
    return { brokerName: this.config.brokerName, queueId, topic }
  }

  /** When the message at `queueOffset` was stored; undefined when there is none. */
  storedAt(queue: ConsumeQueue | undefined, queueOffset: number): number | undefined {
    return queue === undefined ? undefined : this.store.storeTimestampAt(queue, queueOffset)
  }

  /** The host that messages of this connection are born on. */
  bornHost(connection: RemotingConnection): Host.Host {
    const known = this.#bornHosts.get(connection)
    if (known !== undefined) return known
    const made = Host.make(connection.remote.host, connection.remote.port)
    const host = made instanceof Malformed ? Host.make("127.0.0.1", connection.remote.port) : made
    const usable = host instanceof Malformed ? this.store.options.storeHost : host
    this.#bornHosts.set(connection, usable)
    return usable
  }

  /** A rising number, for queues of the broker's choice. */
  nextPick(): number {
    this.#pick = (this.#pick + 1) & 0x7f_ff_ff_ff
    return this.#pick
  }

  /** A unique key for a message that came without one. */
  readonly newUniqKey = (): string => {
    this.#uniqKeys = (this.#uniqKeys + 1) & 0xff_ff
    return UniqKey.make(this.#uniqKeyPrefix, this.world.clock.nowMs() % 2_678_400_000, this.#uniqKeys)
  }

  messageId(commitLogOffset: number): string {
    return MessageId.make(this.messageIdPrefix, commitLogOffset)
  }
}

const sendSettingsOf = (config: BrokerConfig): Send.Settings => ({
  autoCreateSubscriptionGroup: config.autoCreateSubscriptionGroup,
  autoCreateTopicEnable: config.autoCreateTopicEnable,
  brokerName: config.brokerName,
  brokerPermission: config.brokerPermission,
  maxMessageSize: config.maxMessageSize,
  rejectTransactionMessage: config.rejectTransactionMessage,
})

const pullSettingsOf = (config: BrokerConfig): Pull.Settings => ({
  autoCreateSubscriptionGroup: config.autoCreateSubscriptionGroup,
  brokerName: config.brokerName,
  brokerPermission: config.brokerPermission,
  enablePropertyFilter: config.enablePropertyFilter,
  litePullMessageEnable: config.litePullMessageEnable,
})

/** Answers a refusal of the domain: the one place where its code becomes a number. */
export const answerRefusal = (call: Call, refusal: Refusal): void =>
  call.answer({
    code: ResponseCode[refusal.code],
    remark: refusal.remark,
    ...(refusal.forbiddenType === undefined ? {} : { ext: { forbiddenType: refusal.forbiddenType } }),
  })

/** Answers a request whose parameters cannot be read. */
export const answerMalformed = (call: Call, malformed: Malformed): void =>
  call.answer({
    code: ResponseCode.SYSTEM_ERROR,
    remark: `the request cannot be read: ${malformed.reason}. Check the client's version.`,
  })
