/**
 * One run: a cluster under load and faults, healed, brought to rest, cut off its power once more, and judged.
 *
 *   start    servers up, topics made
 *   load     producers and consumers at work while the nemesis strikes
 *   rest     everything is healed; producers end; what is stored is consumed, retried, delivered
 *   cut      the power of every broker is cut and nothing but what was synced survives
 *   judge    the brokers are started again and read; every checker has its say
 */
import { keepNone } from "../../../src/infra/disk/survival.ts"
import { queueIdOf } from "../../../src/domain/DelayLevel.ts"
import * as ConsumerOffset from "../../../src/domain/ConsumerOffset.ts"
import * as Topic from "../../../src/domain/Topic.ts"
import { consumerGroup } from "../../../src/domain/Transaction.ts"
import { SeededRandom } from "../../../src/infra/random/SeededRandom.ts"
import type { BrokerState } from "../../../src/node/broker/BrokerState.ts"
import { checkers } from "./checkers/index.ts"
import { remembered } from "./checkers/loss.ts"
import type { Violation } from "./checkers/Checker.ts"
import { makeTopics } from "./clients/Administrator.ts"
import { nameOf } from "./clients/GroupMember.ts"
import { OrderlyConsumer } from "./clients/OrderlyConsumer.ts"
import { Producer } from "./clients/Producer.ts"
import { PushConsumer } from "./clients/PushConsumer.ts"
import { TransactionProducer } from "./clients/TransactionProducer.ts"
import { Cluster, type ClientNode } from "./Cluster.ts"
import { type BrokerView, type Evidence, rebuild, type Restless, viewOf } from "./Evidence.ts"
import { faults } from "./faults/index.ts"
import type { Traced } from "./History.ts"
import type { Mutant } from "./Mutant.ts"
import { Nemesis } from "./Nemesis.ts"
import { delayLevelsMax, drawSettings, type Fixed, type Settings, transferTopic } from "./Settings.ts"

export interface Outcome {
  readonly seed: number
  readonly settings: Settings
  readonly violations: ReadonlyArray<Violation>
  /** Present when it was asked for and the run came to its end. */
  readonly recording?: Recording
  readonly traceHash: string
  /** The last lines of the story. */
  readonly tail: ReadonlyArray<string>
  readonly stats: Stats
}

export interface Stats {
  readonly attempts: number
  readonly acknowledged: number
  readonly deliveries: number
  readonly strikes: number
  /** How often each kind of fault struck. */
  readonly struck: Readonly<Record<string, number>>
  readonly virtualMs: number
  readonly events: number
}

/** What a run told of itself, from its start to its rest, and what its brokers held in the end. */
export interface Recording {
  readonly events: ReadonlyArray<Traced>
  readonly brokers: ReadonlyArray<BrokerView>
}

export interface RunOptions {
  readonly fixed?: Fixed
  readonly mutant?: Mutant
  /** Lines of the story in the outcome. */
  readonly tailLines?: number
  /** Keeps the trace of the run, for the specs. */
  readonly isRecorded?: boolean
  /** Virtual ms that a healed cluster has to come to rest. */
  readonly restMs?: number
}

const startMsMax = 60_000
const producersMsMax = 60_000
/** A client that lost its power is in its group for two minutes more, and a lock is granted a minute after a start. */
const restMsMax = 900_000
/** A run takes about 50,000 steps; one that takes so many has begun to turn in a circle. */
const eventsMax = 5_000_000

export const run = (
  seed: number,
  { fixed = {}, isRecorded = false, mutant, restMs = restMsMax, tailLines = 60 }: RunOptions = {},
): Outcome => {
  const drawn = drawSettings(
    seed,
    faults.map(({ name }) => name),
    new SeededRandom(seed ^ settingsSalt),
  )
  const settings: Settings = { ...drawn, ...fixed, seed }
  const cluster = new Cluster(settings, mutant)
  const { history, world } = cluster
  const { sim } = world
  if (isRecorded) history.traced = []
  let recording: Recording | undefined
  let violations: ReadonlyArray<Violation>
  try {
    const evidence = play(cluster, restMs)
    if (history.traced !== undefined) recording = { brokers: evidence.brokers, events: history.traced }
    violations = judge(evidence)
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
    violations = [{ checker: "sound", promise: "P11", what: `${sim.nowMs.toFixed(3)} ms: ${what}` }]
  }
  return {
    ...(recording === undefined ? {} : { recording }),
    seed,
    settings,
    stats: {
      acknowledged: history.attempts.filter(({ answer }) => answer?.code === 0).length,
      attempts: history.attempts.length,
      deliveries: history.deliveries.length,
      events: sim.events,
      strikes: history.strikes.length,
      struck: Object.fromEntries(
        [...Map.groupBy(history.strikes, ({ fault }) => fault)].map(([fault, all]) => [fault, all.length]),
      ),
      virtualMs: sim.nowMs,
    },
    tail: history.tail(tailLines),
    traceHash: sim.traceHash(),
    violations,
  }
}

/** The settings are drawn from a stream of their own, so that a fixed one does not shift the run. */
const settingsSalt = 0x5e77_1465

const judge = (evidence: Evidence): ReadonlyArray<Violation> => {
  const whole = remembered(evidence)
  return checkers.flatMap(({ check, isOfLog, name, promise }) =>
    [...check(isOfLog === true ? evidence : whole)].map((what) => ({ checker: name, promise, what })),
  )
}

const play = (cluster: Cluster, restMs: number): Evidence => {
  const { brokers, history, servers, settings, world } = cluster
  const { sim } = world
  const until = (predicate: () => boolean, maxMs: number): boolean =>
    sim.runUntil(() => {
      if (sim.events > eventsMax) throw new Error(`livelock: ${eventsMax} steps`)
      return predicate()
    }, maxMs)
  const runFor = (forMs: number): boolean => until(() => false, forMs)
  const allUp = (): boolean => servers.every(({ isUp }) => isUp)
  const prepared = settings.topics.filter(({ isPrepared }) => isPrepared)
  if (settings.transactionsMax > 0) prepared.push(transferTopic)
  const admin = world.node("admin", "10.0.3.1")
  if (!until(allUp, startMsMax)) throw new Error("the cluster does not start")
  let isPrepared = false
  const addresses = brokers.map(({ host, served }) => ({ host, port: served!.address.port }))
  makeTopics(admin.world, addresses, prepared, () => (isPrepared = true))
  if (!until(() => isPrepared, startMsMax)) throw new Error("the topics cannot be made")

  let isLoaded = true
  const mayGoOn = (): boolean => isLoaded && history.attempts.length < settings.messagesMax
  const producers = startClients(cluster, mayGoOn)
  startTransactions(cluster, () => isLoaded && history.transactions.length < settings.transactionsMax)
  const nemesis = new Nemesis(cluster, faults)
  runFor(settings.loadMs)

  isLoaded = false
  nemesis.heal()
  until(() => allUp() && producers.every(({ life }) => (life as Producer).underWay === 0), producersMsMax)
  // An answer that came at the deadline may still be on its way to its consumer.
  runFor(1000)
  let restedSinceMs: number | undefined
  until(() => {
    if (restless(cluster).length > 0 || !isShared(cluster)) restedSinceMs = undefined
    else restedSinceMs ??= sim.nowMs
    return restedSinceMs !== undefined && sim.nowMs - restedSinceMs >= sharedMs
  }, restMs)
  const left = restless(cluster)
  const shares = ownersOf(cluster)
  history.note(
    "judge",
    left.length === 0
      ? "everything has come to rest"
      : `not at rest: ${left.map(({ brokerName, what }) => `${brokerName}: ${what}`).join("; ")}`,
  )
  runFor(3000)
  const { traced } = history
  history.traced = undefined
  for (const { node } of cluster.clients) node.crash()
  const restedMs = history.nowMs
  for (const broker of brokers) broker.powerCut(keepNone)
  if (!until(() => brokers.every(({ isUp }) => isUp), startMsMax)) throw new Error("the brokers do not start again")
  history.traced = traced
  return {
    brokers: brokers.map(({ name, served }) => viewOf(name, served!)),
    history,
    owners: shares,
    rebuilt: brokers.map((server) => rebuild(cluster, server)),
    restedMs,
    restless: left,
    settings,
  }
}

const startClients = (cluster: Cluster, mayGoOn: () => boolean): ReadonlyArray<ClientNode> => {
  const { history, nameServerAddresses: nameServers, settings } = cluster
  for (const group of settings.groups) {
    for (let n = 1; n <= group.consumers; n++) {
      cluster.client(`${group.name}-${n}`, (world, life) =>
        group.isOrderly
          ? new OrderlyConsumer(world, history, { group, life, nameServers })
          : new PushConsumer(world, history, { group, life, nameServers }),
      )
    }
  }
  const pauseMs = Math.ceil((burstMean * settings.producers * settings.loadMs) / settings.messagesMax)
  return Array.from({ length: settings.producers }, (_, index) =>
    cluster.client(
      `producer-${index + 1}`,
      (world, life) => new Producer(world, history, { life, mayGoOn, nameServers, pauseMs, topics: settings.topics }),
    ),
  )
}

/** Two producers of one group, so that one is there to be asked when the other is not. */
const startTransactions = (cluster: Cluster, mayGoOn: () => boolean): void => {
  const { history, nameServerAddresses: nameServers, settings } = cluster
  if (settings.transactionsMax === 0) return
  const pauseMs = Math.ceil((2 * settings.loadMs) / settings.transactionsMax)
  for (const n of [1, 2])
    cluster.client(
      `teller-${n}`,
      (world, life) => new TransactionProducer(world, history, { life, mayGoOn, nameServers, pauseMs }),
    )
}

/** Messages in a burst, in the mean, and those that are sent again on top. */
const burstMean = 2

/** By group and queue, the members that have it. A group that was told of no topic has nothing to share. */
const ownersOf = (cluster: Cluster): Evidence["owners"] => {
  const owners = new Map<string, Map<string, Array<string>>>()
  for (const { name, subscriptions } of cluster.settings.groups) {
    const queues = new Map<string, Array<string>>()
    for (const { name: brokerName, served } of cluster.brokers)
      for (const { topic } of subscriptions)
        for (let queueId = 0; queueId < (served?.state.metadata.topics.get(topic)?.readQueueNums ?? 0); queueId++)
          queues.set(nameOf({ brokerName, queueId, topic }), [])
    for (const { life, name: client } of cluster.clients)
      if (life.group === name) for (const queue of life.owned ?? []) queues.get(queue)?.push(client)
    owners.set(name, queues)
  }
  return owners
}

/**
 * How long members must agree: some rebalances. As long as one broker still counts a member that is gone and another does
 * not, shares go to and fro, and may look well for a moment.
 */
const sharedMs = 8_000

/** Members may not agree yet, or wait for one that is gone. */
const isShared = (cluster: Cluster): boolean =>
  ownersOf(cluster)
    .values()
    .every((queues) => queues.values().every((members) => members.length === 1))

/** What is stored and not yet consumed, retried or delivered. */
const restless = (cluster: Cluster): ReadonlyArray<Restless> => {
  const found: Array<Restless> = []
  for (const { name, served } of cluster.brokers) {
    const all = served === undefined ? ["is down"] : waiting(cluster.settings, served.state)
    found.push(...all.map((what) => ({ brokerName: name, what })))
  }
  return found
}

const waiting = ({ groups }: Settings, { metadata, store }: BrokerState): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let level = 1; level <= delayLevelsMax; level++) {
    const { maxOffset } = store.queues.get(Topic.TopicName.SCHEDULE, queueIdOf(level))
    const at = metadata.delayOffsets.get(level) ?? 0
    if (at < maxOffset) found.push(`delay level ${level} is at ${at} of ${maxOffset}`)
  }
  // Copies that are not readable yet count, too.
  const { nextOffset } = store.queues.get(Topic.TopicName.TRANS_HALF, 0)
  const settled = ConsumerOffset.query(metadata.offsets, consumerGroup, Topic.TopicName.TRANS_HALF, 0) ?? 0
  if (settled < nextOffset) found.push(`transactions are settled up to ${settled} of ${nextOffset} halves`)
  for (const { isOrderly, name, subscriptions } of groups) {
    const topics = subscriptions.map(({ topic }) => topic)
    if (!isOrderly) topics.push(Topic.retryTopic(name))
    for (const topic of topics) {
      for (let queueId = 0; queueId < (metadata.topics.get(topic)?.readQueueNums ?? 0); queueId++) {
        const { maxOffset } = store.queues.get(topic, queueId)
        const at = ConsumerOffset.query(metadata.offsets, name, topic, queueId) ?? 0
        if (at < maxOffset) found.push(`${name} is at ${at} of ${maxOffset} in ${topic}/${queueId}`)
      }
    }
  }
  return found
}
