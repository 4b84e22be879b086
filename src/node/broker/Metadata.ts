/**
 * What a broker knows beside messages: topics, groups, consumer offsets and the progress of delay levels. All of it is
 * a fold over the log on top of snapshots (promises P8, P9). A change is a record of the log first, then, for topics
 * and groups, a snapshot file, and only then answered; offsets are gathered into one record per `offsetsEveryMs`.
 */
import * as ConsumerOffset from "../../domain/ConsumerOffset.ts"
import * as DataVersion from "../../domain/DataVersion.ts"
import { levelOfQueue } from "../../domain/DelayLevel.ts"
import type { GroupConfig } from "../../domain/SubscriptionGroup.ts"
import { MessageFlag, transactionType } from "../../domain/SysFlag.ts"
import type { TopicConfig } from "../../domain/Topic.ts"
import { TopicName } from "../../domain/Topic.ts"
import * as ConfigJson from "../../format/ConfigJson.ts"
import type { StoredMessage } from "../../format/StoredMessage.ts"
import type { MessageStore, StoredStatus } from "../../infra/store/MessageStore.ts"
import { StoreError } from "../../infra/store/StoreError.ts"
import type { World } from "../../infra/world/World.ts"
import { Snapshots } from "./Snapshots.ts"
import * as SystemRecords from "./SystemRecords.ts"

/** Called when a change is durable, or with the reason why it is not known to be. */
export type Durable = (failure: string | undefined) => void

/** An offset is on disk at most this long after it was committed. */
const offsetsEveryMs = 100
/** Offsets in one record: about 400 KB of JSON. */
const offsetsPerRecord = 5000

const failureOf = (status: StoredStatus): string | undefined => {
  if (status === "Stored") return undefined
  return status === "FlushTimedOut"
    ? "the disk is slow: the change is in the log, but was not synced in time"
    : "the store failed: whether the change is on disk is unknown"
}

export class Metadata {
  readonly topics = new Map<string, TopicConfig>()
  readonly groups = new Map<string, GroupConfig>()
  readonly forbidden = new Map<string, ReadonlyMap<string, number>>()
  readonly offsets: ConsumerOffset.ConsumerOffsets
  /** By delay level, the next queue offset of its queue to deliver. */
  readonly delayOffsets = new Map<number, number>()
  topicsVersion: DataVersion.DataVersion
  groupsVersion: DataVersion.DataVersion
  delayVersion: DataVersion.DataVersion
  /** Told when topics were created or changed, and their change is durable. */
  onTopicsChanged: (topics: ReadonlyArray<TopicConfig>) => void = () => {}

  readonly #world: World
  readonly #snapshots: Snapshots
  #store: MessageStore | undefined
  #positions = { delay: 0, groups: 0, offsets: 0, topics: 0 }
  #isForeign = { groups: false, offsets: false, topics: false }
  #waiting: Array<{ readonly names: ReadonlySet<string>; readonly done: Durable }> = []
  #snapshotScheduled = false
  #offsetWaiters: Array<Durable> = []
  #offsetTimer: (() => void) | undefined
  #offsetsChanged = false
  #delayChanged = false

  constructor(world: World, root: string) {
    this.#world = world
    this.#snapshots = new Snapshots(world.disk, root)
    const nowMs = world.clock.nowMs()
    this.offsets = ConsumerOffset.make(nowMs)
    this.topicsVersion = DataVersion.initial(nowMs)
    this.groupsVersion = DataVersion.initial(nowMs)
    this.delayVersion = DataVersion.initial(nowMs)
  }

  /** Reads the snapshots. Answers the log offset to fold from. Throws `StoreError`. */
  load(): number {
    const never = Number.MAX_SAFE_INTEGER
    const topics = this.#snapshots.topics()
    if (topics !== undefined) {
      for (const config of topics.topicConfigTable.values()) this.topics.set(config.topicName, config)
      this.topicsVersion = topics.dataVersion
      this.#positions.topics = topics.position ?? never
      this.#isForeign.topics = topics.position === undefined
    }
    const groups = this.#snapshots.groups()
    if (groups !== undefined) {
      for (const config of groups.subscriptionGroupTable.values()) this.groups.set(config.groupName, config)
      for (const [group, bits] of groups.forbiddenTable) this.forbidden.set(group, bits)
      this.groupsVersion = groups.dataVersion
      this.#positions.groups = groups.position ?? never
      this.#isForeign.groups = groups.position === undefined
    }
    const offsets = this.#snapshots.offsets()
    if (offsets !== undefined) {
      for (const [key, queues] of offsets.offsetTable) {
        const at = key.indexOf("@")
        if (at < 0) continue
        for (const [queueId, queueOffset] of queues)
          ConsumerOffset.apply(this.offsets, {
            group: key.slice(at + 1),
            queueId,
            queueOffset,
            topic: key.slice(0, at),
          })
      }
      this.offsets.version = offsets.dataVersion
      this.#positions.offsets = offsets.position ?? never
      this.#isForeign.offsets = offsets.position === undefined
    }
    const delay = this.#snapshots.delayOffsets()
    if (delay !== undefined) {
      for (const [level, queueOffset] of delay.offsetTable) this.delayOffsets.set(level, queueOffset)
      this.delayVersion = delay.dataVersion
      this.#positions.delay = delay.position ?? never
    }
    return Math.min(...Object.values(this.#positions))
  }

  /** Folds one record of the log. `source` reads the record that a delivered one was made from. */
  fold(message: StoredMessage, source: (commitLogOffset: number) => StoredMessage | undefined): void {
    const at = message.physicalOffset
    if (message.preparedTransactionOffset > 0 && transactionType(message.sysFlag) === MessageFlag.TRANSACTION_NONE) {
      if (at >= this.#positions.delay) this.#foldDelivered(source(message.preparedTransactionOffset))
      return
    }
    const record = SystemRecords.decode(message)
    if (record === undefined) return
    if (record === "newer")
      throw new StoreError(
        "NewerVersion",
        `The record at CommitLog offset ${at} was written by a newer Gantry. Start that version, or a newer one.`,
      )
    if (record === "unknown") {
      this.#world.log.warn("a record of an unknown kind is kept and skipped", {
        commitLogOffset: at,
        topic: message.topic,
      })
      return
    }
    if (record.kind === "topics" && at >= this.#positions.topics)
      for (const config of record.topics) this.topics.set(config.topicName, config)
    if (record.kind === "groups" && at >= this.#positions.groups)
      for (const config of record.groups) this.groups.set(config.groupName, config)
    if (record.kind === "offsets" && at >= this.#positions.offsets)
      for (const [group, topic, queueId, queueOffset] of record.offsets)
        ConsumerOffset.apply(this.offsets, { group, queueId, queueOffset, topic })
  }

  /** The store is open: what another program wrote is taken over as records, and the system's own are added. */
  start(
    store: MessageStore,
    topics: ReadonlyArray<TopicConfig>,
    groups: ReadonlyArray<GroupConfig>,
    done: Durable,
  ): void {
    this.#store = store
    const newTopics = topics.filter((config) => !this.topics.has(config.topicName))
    const newGroups = groups.filter((config) => !this.groups.has(config.groupName))
    for (const config of newTopics) this.topics.set(config.topicName, config)
    for (const config of newGroups) this.groups.set(config.groupName, config)
    if (newTopics.length > 0) this.topicsVersion = this.#bumped(this.topicsVersion)
    if (newGroups.length > 0) this.groupsVersion = this.#bumped(this.groupsVersion)
    const foreignTopics = this.#isForeign.topics ? [...this.topics.values()] : newTopics
    const foreignGroups = this.#isForeign.groups ? [...this.groups.values()] : newGroups
    const entries = this.#isForeign.offsets ? ConsumerOffset.entries(this.offsets) : []
    const records: Array<SystemRecords.SystemRecord> = []
    if (foreignTopics.length > 0) records.push({ kind: "topics", topics: foreignTopics })
    if (foreignGroups.length > 0) records.push({ groups: foreignGroups, kind: "groups" })
    for (let i = 0; i < entries.length; i += offsetsPerRecord)
      records.push({ kind: "offsets", offsets: entries.slice(i, i + offsetsPerRecord).map(tuple) })
    if (records.length === 0) return done(undefined)
    this.#append(records, (failure) => {
      if (failure !== undefined) return done(failure)
      this.#writeAll()
      done(undefined)
    })
  }

  /** Creates or changes topics and groups; `done` when the change is durable, also for Apache RocketMQ. */
  change(topics: ReadonlyArray<TopicConfig>, groups: ReadonlyArray<GroupConfig>, done: Durable): void {
    const records: Array<SystemRecords.SystemRecord> = []
    const names = new Set<string>()
    if (topics.length > 0) {
      for (const config of topics) this.topics.set(config.topicName, config)
      this.topicsVersion = this.#bumped(this.topicsVersion)
      records.push({ kind: "topics", topics })
      names.add("topics")
    }
    if (groups.length > 0) {
      for (const config of groups) this.groups.set(config.groupName, config)
      this.groupsVersion = this.#bumped(this.groupsVersion)
      records.push({ groups, kind: "groups" })
      names.add("groups")
    }
    this.#append(records, (failure) => {
      if (failure !== undefined) return done(failure)
      this.#waiting.push({ done, names })
      if (topics.length > 0) this.onTopicsChanged(topics)
      if (this.#snapshotScheduled) return
      this.#snapshotScheduled = true
      // Changes of one turn share the write of the files.
      this.#world.clock.soon(() => this.#writeWaiting())
    })
  }

  /** An offset was committed in memory; `done`, if given, runs when it is on disk. */
  offsetCommitted(done?: Durable): void {
    this.#offsetsChanged = true
    if (done !== undefined) this.#offsetWaiters.push(done)
    this.#offsetTimer ??= this.#world.clock.after(offsetsEveryMs, () => this.flushOffsets())
  }

  /** Appends a record of what was committed since the last one. */
  flushOffsets(done: Durable = () => {}): void {
    this.#offsetTimer?.()
    this.#offsetTimer = undefined
    const waiters = this.#offsetWaiters
    this.#offsetWaiters = []
    const entries = ConsumerOffset.drainDirty(this.offsets)
    const all: Durable = (failure) => {
      for (const { group, queueId, queueOffset, topic } of failure === undefined ? entries : [])
        this.#world.trace?.("PersistOffset", { group, queueId, queueOffset, topic })
      for (const waiter of waiters) waiter(failure)
      done(failure)
    }
    if (entries.length === 0) return all(undefined)
    const records: Array<SystemRecords.SystemRecord> = []
    for (let i = 0; i < entries.length; i += offsetsPerRecord)
      records.push({ kind: "offsets", offsets: entries.slice(i, i + offsetsPerRecord).map(tuple) })
    this.#append(records, all)
  }

  /** A delay level's message was delivered, or skipped: the next one is at `queueOffset`. */
  delayAdvanced(level: number, queueOffset: number): void {
    this.delayOffsets.set(level, queueOffset)
    this.#delayChanged = true
  }

  /** Writes the snapshots of what changes with every message. */
  writeProgress(): void {
    const position = this.#position()
    if (this.#offsetsChanged) {
      this.#offsetsChanged = false
      this.#snapshots.write(
        "consumerOffset.json",
        ConfigJson.printConsumerOffsets({
          dataVersion: this.offsets.version,
          position,
          offsetTable: this.#offsetTable(),
        }),
      )
    }
    if (this.#delayChanged) {
      this.#delayChanged = false
      this.delayVersion = this.#bumped(this.delayVersion)
      this.#snapshots.write(
        "delayOffset.json",
        ConfigJson.printDelayOffsets({
          dataVersion: this.delayVersion,
          position,
          offsetTable: this.delayOffsets,
        }),
      )
    }
  }

  /** Writes every snapshot: at a clean shutdown, and after another program's files were taken over. */
  #writeAll(): void {
    this.#offsetsChanged = true
    this.#delayChanged = true
    this.#writeTopics()
    this.#writeGroups()
    this.writeProgress()
  }

  writeAll(): void {
    this.#writeAll()
  }

  #foldDelivered(source: StoredMessage | undefined): void {
    if (source === undefined || source.topic !== TopicName.SCHEDULE) return
    const level = levelOfQueue(source.queueId)
    this.delayOffsets.set(level, Math.max(this.delayOffsets.get(level) ?? 0, source.queueOffset + 1))
  }

  #append(records: ReadonlyArray<SystemRecords.SystemRecord>, done: Durable): void {
    const store = this.#store
    if (store === undefined) return done("the broker is not started")
    let left = records.length
    let failed: string | undefined
    const stored = (status: StoredStatus): void => {
      failed ??= failureOf(status)
      if (--left === 0) done(failed)
    }
    for (const record of records) {
      const queue = store.queues.get(SystemRecords.topicOf[record.kind], 0)
      const refused = store.put(queue, SystemRecords.encode(record, this.#world.clock.nowMs()), { stored }, true)
      if (typeof refused !== "string") continue
      failed ??= `the store refuses the change: ${refused}`
      if (--left === 0) return done(failed)
    }
  }

  #writeWaiting(): void {
    this.#snapshotScheduled = false
    const waiting = this.#waiting
    this.#waiting = []
    let failure: string | undefined
    try {
      if (waiting.some(({ names }) => names.has("topics"))) this.#writeTopics()
      if (waiting.some(({ names }) => names.has("groups"))) this.#writeGroups()
    } catch (error) {
      failure = `config/ cannot be written: ${error instanceof Error ? error.message : String(error)}`
      this.#world.log.error(failure)
    }
    for (const { done } of waiting) done(failure)
  }

  #writeTopics(): void {
    this.#snapshots.write(
      "topics.json",
      ConfigJson.printTopics({
        dataVersion: this.topicsVersion,
        position: this.#position(),
        topicConfigTable: this.topics,
      }),
    )
  }

  #writeGroups(): void {
    this.#snapshots.write(
      "subscriptionGroup.json",
      ConfigJson.printSubscriptionGroups({
        dataVersion: this.groupsVersion,
        forbiddenTable: this.forbidden,
        position: this.#position(),
        subscriptionGroupTable: this.groups,
      }),
    )
  }

  /** What is readable is folded into the state already; what is not yet may be folded twice, which changes nothing. */
  #position(): number {
    return this.#store?.log.readableOffset ?? 0
  }

  #offsetTable(): ReadonlyMap<string, ReadonlyMap<number, number>> {
    const table = new Map<string, ReadonlyMap<number, number>>()
    for (const [group, topics] of this.offsets.committed)
      for (const [topic, queues] of topics) table.set(`${topic}@${group}`, queues)
    return table
  }

  #bumped(version: DataVersion.DataVersion): DataVersion.DataVersion {
    return DataVersion.next(version, this.#world.clock.nowMs())
  }
}

const tuple = (entry: ConsumerOffset.OffsetEntry): SystemRecords.OffsetTuple => [
  entry.group,
  entry.topic,
  entry.queueId,
  entry.queueOffset,
]
