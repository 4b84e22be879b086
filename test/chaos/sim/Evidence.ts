/**
 * What brokers hold at the end of a run, read from their stores: the log record by record, and everything that is a
 * function of it. Read twice: from the store as it is, and from one whose projections were thrown away.
 */
import * as Effect from "effect/Effect"
import * as ConsumerOffset from "../../../src/domain/ConsumerOffset.ts"
import { Malformed } from "../../../src/format/Malformed.ts"
import * as StoredMessage from "../../../src/format/StoredMessage.ts"
import type { Disk } from "../../../src/infra/disk/Disk.ts"
import { SimDisk } from "../../../src/infra/disk/SimDisk.ts"
import { indexKeyHash } from "../../../src/format/IndexFile.ts"
import { makeSimWorld } from "../../../src/infra/world/SimWorld.ts"
import type { Broker } from "../../../src/node/broker/Broker.ts"
import * as BrokerModule from "../../../src/node/broker/Broker.ts"
import { identityOf, type Identity } from "./clients/payload.ts"
import { brokerConfig, type BrokerServer, type Cluster } from "./Cluster.ts"
import type { History } from "./History.ts"
import type { Settings } from "./Settings.ts"

export interface LogRecord {
  readonly message: StoredMessage.Decoded
  /** Undefined for the broker's own records. */
  readonly identity: Identity | undefined
}

export interface QueueEntry {
  readonly commitLogOffset: number
  readonly sizeBytes: number
  readonly tagsCode: number
}

export interface BrokerView {
  readonly brokerName: string
  /** In the order of the log. */
  readonly records: ReadonlyArray<LogRecord>
  readonly recordAt: ReadonlyMap<number, LogRecord>
  /** By `topic/queueId`; the first entry is that of offset 0. */
  readonly queues: ReadonlyMap<string, ReadonlyArray<QueueEntry | undefined>>
  /** By `group/topic/queueId`, the committed offset. */
  readonly offsets: ReadonlyMap<string, number>
  /** By delay level, how far it was delivered. */
  readonly delayOffsets: ReadonlyMap<number, number>
  /** By group, the topics that it consumes in order. */
  readonly order: ReadonlyMap<string, string>
  readonly topics: ReadonlyMap<string, string>
  readonly groups: ReadonlyMap<string, string>
  /** Offsets of the log that the index answers, by `topic#key`. */
  readonly index: ReadonlyMap<string, string>
}

/** Something that a broker stores and that is not yet consumed, retried or delivered. */
export interface Restless {
  readonly brokerName: string
  readonly what: string
}

export interface Evidence {
  readonly settings: Settings
  readonly history: History
  readonly brokers: ReadonlyArray<BrokerView>
  /** The same brokers, built from their logs alone. */
  readonly rebuilt: ReadonlyArray<BrokerView>
  /** By group and queue of its topics, whose it was when the run had come to rest. */
  readonly owners: ReadonlyMap<string, ReadonlyMap<string, ReadonlyArray<string>>>
  /** When the run had come to rest; what goes wrong later may take nothing. */
  readonly restedMs: number
  /** What had not come to rest when the time for it was over; empty when everything had. */
  readonly restless: ReadonlyArray<Restless>
}

export const queueKey = (topic: string, queueId: number): string => `${topic}/${queueId}`
export const offsetKey = (group: string, topic: string, queueId: number): string => `${group}/${topic}/${queueId}`

/** Reads a broker that has nothing to do. */
export const viewOf = (brokerName: string, broker: Broker): BrokerView => {
  const { metadata, store, world } = broker.state
  const records = readLog(world.disk, `${store.options.root}/commitlog`, store.log.readableOffset)
  const queues = new Map<string, ReadonlyArray<QueueEntry | undefined>>()
  for (const { message } of records) {
    const key = queueKey(message.topic, message.queueId)
    if (queues.has(key)) continue
    const queue = store.queues.get(message.topic, message.queueId)
    queues.set(
      key,
      Array.from({ length: queue.maxOffset }, (_, queueOffset) => queue.entrySync(queueOffset)),
    )
  }
  const index = new Map<string, string>()
  for (const { identity, message } of records) {
    if (identity === undefined) continue
    const key = `${message.topic}#${identity.key}`
    const found = store.index.find(indexKeyHash(key), 1000, 0, Number.MAX_SAFE_INTEGER)
    index.set(key, [...new Set(found)].toSorted((a, b) => a - b).join(" "))
  }
  return {
    brokerName,
    delayOffsets: new Map(metadata.delayOffsets),
    groups: printed(metadata.groups),
    index,
    offsets: new Map(
      ConsumerOffset.entries(metadata.offsets).map(({ group, queueId, queueOffset, topic }) => [
        offsetKey(group, topic, queueId),
        queueOffset,
      ]),
    ),
    order: new Map([...metadata.order].map(([group, topics]) => [group, [...topics].toSorted().join(" ")])),
    queues,
    recordAt: new Map(records.map((record) => [record.message.physicalOffset, record])),
    records,
    topics: printed(metadata.topics),
  }
}

/** Starts the broker of a server in a world of its own, on a copy of its disk without anything but the log. */
export const rebuild = (cluster: Cluster, server: BrokerServer): BrokerView => {
  const world = makeSimWorld(cluster.settings.seed)
  const node = world.node(server.name, server.host)
  const disk = SimDisk.restore(server.node.disk.snapshot(), { later: (_call, run) => void node.process.after(0, run) })
  for (const name of disk.list("/store")) if (name !== "commitlog") removeAll(disk, `/store/${name}`)
  const config = cluster.withDelays(brokerConfig(cluster.settings, server.name, server.host, []))
  let view: BrokerView | undefined
  let failure: unknown
  const main = Effect.gen(function* () {
    const broker = yield* BrokerModule.make(config, { ...node.world, disk }, 1)
    view = viewOf(server.name, broker)
    return yield* Effect.never
  })
  const fiber = Effect.runForkWith(node.world.context)(Effect.scoped(main))
  fiber.addObserver((exit) => (failure = exit))
  if (!world.sim.runUntil(() => view !== undefined || failure !== undefined, 60_000) || view === undefined)
    throw new Error(`${server.name} does not start on its log alone: ${String(failure)}`)
  return view
}

/** All whole records below `endOffset`, with bytes of their own. */
const readLog = (disk: Disk, directory: string, endOffset: number): ReadonlyArray<LogRecord> => {
  const records: Array<LogRecord> = []
  for (const name of disk.list(directory)) {
    const file = disk.open(`${directory}/${name}`, "read")
    const bytes = Buffer.alloc(file.sizeBytes())
    file.readSync(bytes, 0)
    file.close()
    for (let at = 0; at < bytes.length && Number(name) + at < endOffset;) {
      const found = StoredMessage.check(bytes, at, bytes.length - at)
      if (found.kind === "blank") break
      if (found.kind === "bad") throw new Error(`${directory}/${name} is bad at ${at}: ${found.reason}`)
      const message = StoredMessage.decode(bytes, at)
      if (message instanceof Malformed) throw message
      records.push({ identity: identityOf(message.properties), message })
      at += found.sizeBytes
    }
  }
  return records
}

const removeAll = (disk: Disk, path: string): void => {
  if (!isFile(disk, path)) for (const name of disk.list(path)) removeAll(disk, `${path}/${name}`)
  disk.remove(path)
}

const isFile = (disk: Disk, path: string): boolean => {
  try {
    disk.open(path, "read").close()
    return true
  } catch {
    return false
  }
}

/** By name, each value as text that does not depend on the order of its members. */
const printed = (table: ReadonlyMap<string, object>): ReadonlyMap<string, string> =>
  new Map([...table].map(([name, value]) => [name, JSON.stringify(value, Object.keys(value).toSorted())]))
