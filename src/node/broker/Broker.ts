/**
 * A broker: the store, the tables, the handlers and the services, put together, started and stopped in order. Nothing
 * is decided here. Its lifetime is an Effect scope; the traffic itself never passes through Effect.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as BloomFilter from "../../domain/BloomFilter.ts"
import * as DelayHistory from "../../domain/DelayHistory.ts"
import * as Capacity from "../../domain/Capacity.ts"
import * as ConsumerFilter from "../../domain/ConsumerFilter.ts"
import * as DelayLevel from "../../domain/DelayLevel.ts"
import * as FlowControl from "../../domain/FlowControl.ts"
import * as SubscriptionGroup from "../../domain/SubscriptionGroup.ts"
import * as Topic from "../../domain/Topic.ts"
import { TopicName } from "../../domain/Topic.ts"
import * as Result from "effect/Result"
import * as Host from "../../format/Host.ts"
import { Malformed } from "../../format/Malformed.ts"
import { murmur3 } from "../../format/Murmur3.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import type { DiskError } from "../../infra/disk/Disk.ts"
import { makeDurableDirectory } from "../../infra/disk/durable.ts"
import type { Address, NetworkError } from "../../infra/network/Network.ts"
import type { Handlers } from "../../infra/remoting/Hub.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { RemotingClient } from "../../infra/remoting/RemotingClient.ts"
import { RemotingServer } from "../../infra/remoting/RemotingServer.ts"
import { MessageStore } from "../../infra/store/MessageStore.ts"
import { StoreError } from "../../infra/store/StoreError.ts"
import { refuseOtherKinds } from "../../infra/store/StoreKind.ts"
import * as StoreOptions from "../../infra/store/StoreOptions.ts"
import type { World } from "../../infra/world/World.ts"
import * as Health from "../health/Health.ts"
import { AdminHandlers } from "./AdminHandlers.ts"
import { type BrokerConfig, fastPortOf } from "./BrokerConfig.ts"
import { BrokerState } from "./BrokerState.ts"
import { assignmentCalls } from "./assignmentCalls.ts"
import { careCalls } from "./careCalls.ts"
import { ClientHandlers } from "./ClientHandlers.ts"
import { ClusterRoutes } from "./ClusterRoutes.ts"
import { consumptionCalls } from "./consumptionCalls.ts"
import { DelayDelivery } from "./DelayDelivery.ts"
import { FilterFile } from "./FilterFile.ts"
import { marksOf } from "./filterViews.ts"
import { Metadata } from "./Metadata.ts"
import { metrics } from "./metrics.ts"
import { OffsetHandlers } from "./OffsetHandlers.ts"
import { PullHandler } from "./PullHandler.ts"
import { QueryHandlers } from "./QueryHandlers.ts"
import { Registration } from "./Registration.ts"
import { relayCalls } from "./relayCalls.ts"
import { retain } from "./RetentionService.ts"
import { RetryHandler } from "./RetryHandler.ts"
import { SendHandler } from "./SendHandler.ts"
import { StatisticsService } from "./StatisticsService.ts"
import { StatusHandlers } from "./StatusHandlers.ts"
import { TransactionChecks } from "./TransactionChecks.ts"
import { Transactions } from "./Transactions.ts"

/** Why a broker does not start: the sentence says what to do. */
export class BrokerFault extends Error {
  override readonly name = "BrokerFault"
  readonly _tag = "BrokerFault"
}

export interface Broker {
  /** Where it listens; the port is real when 0 was asked for. */
  readonly address: Address
  readonly state: BrokerState
  /** Ends with an error when the store has failed: the process must restart and recover. */
  readonly failure: Effect.Effect<never, BrokerFault>
}

/** How long answers that are still owed are waited for at shutdown, ms. */
const graceMs = 5000

/** Starts a broker that ends with the scope. `processId` goes into the store's abort file. */
export const make = (
  config: BrokerConfig,
  world: World,
  processId: number,
): Effect.Effect<Broker, BrokerFault, Scope.Scope> =>
  Effect.provideContext(start(config, world, processId), world.context)

const start = Effect.fnUntraced(function* (config: BrokerConfig, world: World, processId: number) {
  const levels = DelayLevel.parse(config.messageDelayLevel)
  if (Result.isFailure(levels)) return yield* Effect.fail(new BrokerFault(levels.failure.remark))
  const bloom = BloomFilter.make(config.maxErrorRateOfBloomFilter, config.expectConsumerNumUseFilter)
  if (Result.isFailure(bloom)) return yield* Effect.fail(new BrokerFault(bloom.failure.remark))
  const nameServers = PeerAddress.parseList(config.namesrvAddr)
  if ("illegal" in nameServers)
    return yield* Effect.fail(
      new BrokerFault(`namesrvAddr: "${nameServers.illegal}" is not host:port. Separate addresses with ";".`),
    )
  const failed = yield* Deferred.make<never, BrokerFault>()
  const health = new Health.Health()
  yield* Effect.mapError(Health.serve(health, config, world), (sentence) => new BrokerFault(sentence))
  const opened = yield* Effect.acquireRelease(
    openStore(config, world, levels.success, bloom.success, processId),
    ({ filterFile, metadata, store }) => closeStore(metadata, store, filterFile),
  )
  const { filterFile, filters, metadata, store, wasUsed } = opened
  const server = new RemotingServer(world, {
    listener: {
      onClose: (connection) => {
        pulls.disconnected(connection)
        clients.disconnected(connection)
      },
    },
  })
  // A grant of the process before may still be believed in: nothing is granted for one lease (P5).
  const quietUntilMs = wasUsed ? world.clock.monotonicMs() + 60_000 : 0
  const state = new BrokerState(config, world, store, metadata, levels.success, filters, quietUntilMs)
  const clients = new ClientHandlers(state)
  const pulls = new PullHandler(state)
  const delays = new DelayDelivery(state)
  const statistics = new StatisticsService(state)
  const transactions = new Transactions(state)
  const checks = new TransactionChecks(state, transactions)
  const onArrival = store.onArrival
  store.onArrival = (queue, queueOffset, tagsCode) => {
    if (queue.topic === TopicName.SCHEDULE) delays.arrived(queue)
    onArrival(queue, queueOffset, tagsCode)
  }
  store.onPressure = (isHigh) => (isHigh ? server.pauseAll() : server.resumeAll())
  store.onFailed = (error: DiskError) => {
    const sentence = `The store stopped: ${error.message}. Nothing acknowledged is lost. Check the disk, then start the broker again: it recovers from the log.`
    health.failed(error.message)
    Deferred.doneUnsafe(failed, Effect.fail(new BrokerFault(sentence)))
  }
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      clients.stop()
      statistics.stop()
      delays.stop()
      filterFile.stop()
      checks.stop()
      transactions.stop()
    }),
  )
  yield* Effect.try({
    catch: (error) =>
      new BrokerFault(`Undecided transactions cannot be read: ${(error as Error).message}. Start again.`),
    try: () => transactions.load(),
  })
  const nameServerClient = yield* Effect.acquireRelease(
    Effect.sync(() => new RemotingClient(world)),
    (made) => Effect.sync(() => made.close()),
  )
  const routes = new ClusterRoutes(
    world.clock,
    config.brokerName,
    (topic) => metadata.topics.get(topic),
    nameServerClient,
    nameServers,
  )
  const handlers = handlersOf(state, clients, pulls, statistics, routes, transactions)
  yield* Effect.addFinalizer(() => drain(server, pulls))
  const address = yield* listen(server, config.bindAddress, config.listenPort, handlers, "listenPort")
  state.brokerAddr = PeerAddress.print({ host: config.brokerIP1, port: address.port })
  const fastPort = fastPortOf(config)
  if (fastPort !== undefined && config.listenPort !== 0)
    yield* listen(server, config.bindAddress, fastPort, fastHandlersOf(handlers), "fastListenPort").pipe(
      Effect.catch((error) => Effect.sync(() => world.log.warn(`${error.message} Old clients use it; others do not.`))),
    )
  yield* Effect.try({
    catch: (error) => new BrokerFault(`The queues of delayed messages cannot be read: ${(error as Error).message}.`),
    try: () => delays.start(),
  })
  filterFile.start()
  checks.start()
  yield* register(state, nameServerClient, nameServers, routes)
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        Effect.sleep(config.flushConsumerOffsetInterval),
        Effect.sync(() => metadata.writeProgress(() => {})),
      ),
    ),
  )
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        Effect.sleep(config.cleanResourceInterval),
        Effect.sync(() => attempt(world, "retention", () => retain(state))),
      ),
    ),
  )
  health.metrics = () => metrics(state, statistics)
  yield* Health.ready(health)
  world.log.info("broker listens", { address, brokerName: config.brokerName })
  return { address, failure: Deferred.await(failed), state } satisfies Broker
})

/** A background round that fails is told and tried again with the next. */
const attempt = (world: World, what: string, run: () => void): void => {
  try {
    run()
  } catch (error) {
    world.log.error(`${what}: ${error instanceof Error ? error.message : String(error)}; trying again`)
  }
}

const openStore = Effect.fnUntraced(function* (
  config: BrokerConfig,
  world: World,
  delayLevelsMs: DelayLevel.DelayLevels,
  bloom: BloomFilter.BloomFilter,
  processId: number,
) {
  const root = config.storePathRootDir
  const storeHost = Host.make(config.brokerIP1, config.listenPort)
  if (storeHost instanceof Malformed)
    return yield* Effect.fail(
      new BrokerFault(`brokerIP1: "${config.brokerIP1}" is not an IP address. Set it to the one that clients reach.`),
    )
  yield* Effect.try({
    catch: (error) => new BrokerFault(`The store ${root} cannot be opened: ${(error as Error).message}.`),
    try: () => makeDurableDirectory(world.disk, root),
  })
  const apache = world.disk.recordLockHolder(`${root}/lock`)
  if (apache !== undefined)
    return yield* Effect.fail(
      new BrokerFault(
        `The store ${root} is open in Apache RocketMQ (process ${apache}). Stop that broker first: two programs on one store destroy it.`,
      ),
    )
  const release = yield* lock(world, root)
  return yield* Effect.try({
    catch: (error) => {
      release()
      if (error instanceof StoreError || error instanceof Error) return new BrokerFault(error.message)
      return new BrokerFault(String(error))
    },
    try: () => {
      refuseOtherKinds(world.disk, root)
      const metadata = new Metadata(world, root)
      const { groupNumsMax, topicNumsMax } = config
      metadata.capacity = { ...Capacity.defaults, groupNumsMax, topicNumsMax }
      const foldFrom = metadata.load(delayLevelsMs)
      const store: MessageStore = new MessageStore(
        optionsOf(config, storeHost, delayLevelsMs, processId),
        world,
        (message) => metadata.fold(message, (offset) => store.recordAtSync(offset)),
      )
      store.queues.begins = (topic, queueId) => metadata.beginOf(topic, queueId)
      store.delayLevelsAt = (offset) => DelayHistory.levelsAt(metadata.delayHistory, offset)
      const filters = ConsumerFilter.make(bloom, murmur3)
      const filterFile = new FilterFile(world, root, filters)
      filterFile.load()
      if (config.enableCalcFilterBitMap) store.marks = marksOf(filters)
      const wasUsed = store.log.files.all.length > 0 || world.disk.list(`${root}/commitlog`).length > 0
      for (const _ of store.open(foldFrom, release)) continue
      return { filterFile, filters, metadata, store, wasUsed }
    },
  }).pipe(
    Effect.flatMap((opened) => Effect.as(startMetadata(config, opened.metadata, opened.store, delayLevelsMs), opened)),
  )
})

/** The lock of the store: one process at a time. */
const lock = (world: World, root: string): Effect.Effect<() => void, BrokerFault> =>
  Effect.callback((resume) => {
    world.disk.lock(root, (release) =>
      resume(
        release === undefined
          ? Effect.fail(
              new BrokerFault(
                `The store ${root} is in use by another broker process. Stop that one, or set storePathRootDir to another folder.`,
              ),
            )
          : Effect.succeed(release),
      ),
    )
  })

const startMetadata = (
  config: BrokerConfig,
  metadata: Metadata,
  store: MessageStore,
  delayLevels: DelayLevel.DelayLevels,
): Effect.Effect<void, BrokerFault> =>
  Effect.callback((resume) => {
    const topics = Topic.systemTopics({
      autoCreateTopicEnable: config.autoCreateTopicEnable,
      brokerName: config.brokerName,
      brokerTopicEnable: config.brokerTopicEnable,
      clusterName: config.brokerClusterName,
      clusterTopicEnable: config.clusterTopicEnable,
      defaultTopicQueueNums: config.defaultTopicQueueNums,
      traceTopicEnable: config.traceTopicEnable,
    })
    metadata.start(store, topics, SubscriptionGroup.predefined(), delayLevels, (failed) =>
      resume(
        failed === undefined ? Effect.void : Effect.fail(new BrokerFault(`The store does not take records: ${failed}`)),
      ),
    )
  })

/** Offsets, snapshots, then the store itself: what was committed is on disk before the abort mark goes. */
const closeStore = (metadata: Metadata, store: MessageStore, filterFile: FilterFile): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const leave = (): void => store.close(() => resume(Effect.void))
    if (!store.isOpen) return leave()
    const close = (): void => filterFile.write(leave)
    metadata.flushOffsets(() => {
      if (store.isOpen) metadata.writeAll(close)
      else close()
    })
  })

const optionsOf = (
  config: BrokerConfig,
  storeHost: Host.Host,
  delayLevelsMs: DelayLevel.DelayLevels,
  processId: number,
): StoreOptions.StoreOptions => ({
  ...StoreOptions.defaults,
  busyAfterMs: FlowControl.busyAfterMs(config),
  checkpointIntervalMs: config.flushIntervalConsumeQueue,
  commitLogSegmentBytes: config.mappedFileSizeCommitLog,
  consumeQueueSegmentBytes: Math.ceil(config.mappedFileSizeConsumeQueue / 20) * 20,
  consumeQueueExtSegmentBytes: config.enableConsumeQueueExt ? config.mappedFileSizeConsumeQueueExt : undefined,
  delayLevelsMs,
  flush: config.flushDiskType === "ASYNC_FLUSH" ? "async" : "sync",
  flushIntervalMs: config.flushIntervalCommitLog,
  index: { entries: config.maxIndexNum, slots: config.maxHashSlotNum },
  messageBytesMax: config.maxMessageSize,
  processId,
  ringBytes: config.writeRingBytes,
  root: config.storePathRootDir,
  storeHost,
  syncFlushTimeoutMs: config.syncFlushTimeout,
  transferBytesMaxCold: config.maxTransferBytesOnMessageInDisk,
  transferBytesMaxHot: config.maxTransferBytesOnMessageInMemory,
  transferCountMaxCold: config.maxTransferCountOnMessageInDisk,
  transferCountMaxHot: config.maxTransferCountOnMessageInMemory,
})

const listen = (
  server: RemotingServer,
  host: string,
  port: number,
  handlers: Handlers,
  setting: string,
): Effect.Effect<Address, BrokerFault> =>
  Effect.callback((resume) => {
    server.listen({ host, port }, handlers, (error: NetworkError | undefined, bound) =>
      resume(
        bound === undefined
          ? Effect.fail(new BrokerFault(cannotListen(host, port, setting, error)))
          : Effect.succeed(bound),
      ),
    )
  })

const cannotListen = (host: string, port: number, setting: string, error: NetworkError | undefined): string =>
  error?.reason === "AddressInUse"
    ? `Port ${port} on ${host} is taken by another program. Stop it, or set ${setting} to another port.`
    : `Cannot listen on ${host}:${port}: ${error?.message ?? "unknown"}. Set bindAddress and ${setting}.`

/** Registers now, again in every period, and at once when topics or the broker's permission change. */
const register = Effect.fnUntraced(function* (
  state: BrokerState,
  client: RemotingClient,
  nameServers: ReadonlyArray<Address>,
  routes: ClusterRoutes,
) {
  const { config, metadata } = state
  const registration = new Registration(state, client, nameServers)
  const run = Effect.runForkWith(yield* Effect.context<never>())
  metadata.onTopicsChanged = (topics) => {
    run(registration.registerChanged(topics.map(({ topicName }) => topicName)))
  }
  state.onConfigChanged = (changes) => {
    if (changes.brokerPermission !== undefined) run(registration.registerChanged([...metadata.topics.keys()]))
    const addresses = changes.namesrvAddr === undefined ? undefined : PeerAddress.parseList(changes.namesrvAddr)
    if (addresses === undefined || "illegal" in addresses) return
    routes.nameServers = addresses
    run(registration.setNameServers(addresses))
  }
  yield* Effect.addFinalizer(() => registration.unregisterAll())
  yield* registration.registerAll()
  const periodMs = Math.min(60_000, Math.max(10_000, config.registerNameServerPeriod))
  yield* Effect.forkScoped(Effect.repeat(Effect.delay(registration.registerAll(), periodMs), Schedule.forever))
})

const drain = (server: RemotingServer, pulls: PullHandler): Effect.Effect<void> =>
  Effect.callback((resume) => {
    pulls.releaseAll()
    server.drain({ graceMs, lingerMs: 0 }, () => resume(Effect.void))
  })

const handlersOf = (
  state: BrokerState,
  clients: ClientHandlers,
  pulls: PullHandler,
  statistics: StatisticsService,
  routes: ClusterRoutes,
  transactions: Transactions,
): Handlers => {
  const sends = new SendHandler(state, transactions)
  const offsets = new OffsetHandlers(state)
  const retries = new RetryHandler(state)
  const queries = new QueryHandlers(state)
  const admin = new AdminHandlers(state)
  const status = new StatusHandlers(state)
  return new Map([
    [RequestCode.SEND_MESSAGE, sends.handle],
    [RequestCode.SEND_MESSAGE_V2, sends.handle],
    [RequestCode.SEND_BATCH_MESSAGE, sends.handle],
    [RequestCode.SEND_REPLY_MESSAGE, sends.handle],
    [RequestCode.SEND_REPLY_MESSAGE_V2, sends.handle],
    [RequestCode.PULL_MESSAGE, pulls.handle],
    [RequestCode.LITE_PULL_MESSAGE, pulls.handle],
    [RequestCode.CONSUMER_SEND_MSG_BACK, retries.handle],
    [RequestCode.END_TRANSACTION, transactions.end],
    [RequestCode.RESUME_CHECK_HALF_MESSAGE, transactions.resume],
    [RequestCode.HEART_BEAT, clients.heartbeat],
    [RequestCode.UNREGISTER_CLIENT, clients.unregister],
    [RequestCode.GET_CONSUMER_LIST_BY_GROUP, clients.consumerList],
    [RequestCode.CHECK_CLIENT_CONFIG, clients.checkConfig],
    [RequestCode.LOCK_BATCH_MQ, clients.lock],
    [RequestCode.UNLOCK_BATCH_MQ, clients.unlock],
    [RequestCode.QUERY_CONSUMER_OFFSET, offsets.query],
    [RequestCode.UPDATE_CONSUMER_OFFSET, offsets.update],
    [RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, offsets.search],
    [RequestCode.GET_MAX_OFFSET, offsets.max],
    [RequestCode.GET_MIN_OFFSET, offsets.min],
    [RequestCode.GET_EARLIEST_MSG_STORETIME, offsets.earliest],
    [RequestCode.QUERY_MESSAGE, queries.byKey],
    [RequestCode.VIEW_MESSAGE_BY_ID, queries.byId],
    [RequestCode.UPDATE_AND_CREATE_TOPIC, admin.createTopic],
    [RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, admin.createGroup],
    [RequestCode.GET_ALL_TOPIC_CONFIG, admin.allTopics],
    [RequestCode.GET_TOPIC_CONFIG, admin.topic],
    [RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG, admin.allGroups],
    [RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, offsets.reset],
    [RequestCode.CLONE_GROUP_OFFSET, offsets.clone],
    [RequestCode.GET_TOPIC_STATS_INFO, status.topicStats],
    [RequestCode.GET_CONSUME_STATS, status.consumeStats],
    [RequestCode.GET_CONSUMER_CONNECTION_LIST, status.consumerConnections],
    [RequestCode.GET_PRODUCER_CONNECTION_LIST, status.producerConnections],
    [RequestCode.UPDATE_AND_CREATE_TOPIC_LIST, admin.createTopics],
    [RequestCode.DELETE_TOPIC_IN_BROKER, admin.deleteTopic],
    [RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER, admin.systemTopics],
    [RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST, admin.createGroups],
    [RequestCode.DELETE_SUBSCRIPTIONGROUP, admin.deleteGroup],
    [RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG, admin.group],
    [RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN, admin.groupForbidden],
    ...consumptionCalls(state),
    ...relayCalls(state),
    ...careCalls(state, statistics),
    ...assignmentCalls(state, (topic, told) => routes.readQueues(topic, told)),
  ])
}

/** The fast port serves all but pulls, so that a producer's sends never wait behind them. */
const fastHandlersOf = (handlers: Handlers): Handlers => {
  const fast = new Map(handlers)
  fast.delete(RequestCode.PULL_MESSAGE)
  fast.delete(RequestCode.LITE_PULL_MESSAGE)
  return fast
}
