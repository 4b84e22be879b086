/**
 * What a broker knows beside messages: topics, groups, consumer offsets and the progress of delay levels. All of it is
 * a fold over the log on top of snapshots (promises P8, P9). A change is a record of the log first, then true, then,
 * for topics and groups, a snapshot file, and only then answered; offsets go their own way (`OffsetJournal`).
 *
 *   one truth  a snapshot holds what the records before its position say, and nothing that is still on its way: else a
 *              power cut could leave a topic or an offset that the log never heard of
 */
import * as Capacity from "../../domain/Capacity.ts"
import * as ConsumerOffset from "../../domain/ConsumerOffset.ts"
import * as ConsumptionOrder from "../../domain/ConsumptionOrder.ts"
import * as DataVersion from "../../domain/DataVersion.ts"
import * as DelayHistory from "../../domain/DelayHistory.ts"
import { type DelayLevels, defaultLevels, levelOfQueue } from "../../domain/DelayLevel.ts"
import * as DelayProgress from "../../domain/DelayProgress.ts"
import * as RequestMode from "../../domain/RequestMode.ts"
import type { GroupConfig } from "../../domain/SubscriptionGroup.ts"
import { MessageFlag, transactionType } from "../../domain/SysFlag.ts"
import type { TopicConfig } from "../../domain/Topic.ts"
import { TopicName } from "../../domain/Topic.ts"
import * as Transaction from "../../domain/Transaction.ts"
import * as ConfigJson from "../../format/ConfigJson.ts"
import type { StoredMessage } from "../../format/StoredMessage.ts"
import { DiskError } from "../../infra/disk/Disk.ts"
import type { MessageStore, PutWaiter, StoredStatus } from "../../infra/store/MessageStore.ts"
import { StoreError } from "../../infra/store/StoreError.ts"
import type { World } from "../../infra/world/World.ts"
import { OffsetJournal } from "./OffsetJournal.ts"
import { SnapshotFile } from "./SnapshotFile.ts"
import { Snapshots } from "./Snapshots.ts"
import * as SystemRecords from "./SystemRecords.ts"

/** Deletions of topics are written out this many queues at a time. */
const queuesPerTurn = 64

/** Called when a change is durable, or with the reason why it is not known to be. */
export type Durable = (failure: string | undefined) => void

/** The snapshot that a record changes. A deletion changes the offsets and the request modes, too. */
const tableOf: Readonly<
  Record<SystemRecords.SystemRecord["kind"], "delay" | "groups" | "modes" | "offsets" | "topics">
> = {
  delayLevels: "delay",
  forbidden: "groups",
  groups: "groups",
  groupsDeleted: "groups",
  offsets: "offsets",
  ordered: "offsets",
  requestModes: "modes",
  topics: "topics",
  topicsDeleted: "topics",
}

const failureOf = (status: StoredStatus): string | undefined =>
  status === "Stored" ? undefined : "the store failed: whether the change is on disk is unknown"

export class Metadata {
  readonly topics = new Map<string, TopicConfig>()
  readonly groups = new Map<string, GroupConfig>()
  readonly forbidden = new Map<string, ReadonlyMap<string, number>>()
  /** Which groups consume which topics in order. */
  readonly order = ConsumptionOrder.make()
  /** How groups get their messages where their broker shares out the queues. */
  readonly requestModes = RequestMode.make()
  /**
   * Topics that were deleted, whose messages are still in the log, or that were made again since: where the log says so,
   * and the offsets at which their queues go on.
   */
  readonly #deleted = new Map<string, { readonly at: number; readonly nextOffsets: ReadonlyMap<number, number> }>()
  /** By delay level, what of its queue is delivered. */
  readonly #delays = new Map<number, DelayProgress.DelayProgress>()
  /** Which tables of delay levels were in force, and from where on. */
  delayHistory: DelayHistory.DelayHistory = DelayHistory.make()
  /** Ends of transactions that the log told of, by the CommitLog offset that their records name; see `Transactions`. */
  readonly endedHalves = new Map<number, Transaction.Outcome>()
  /** Up to where the log, readable up to an offset, has told all ends of transactions by op messages. */
  transactionsNoted: (readableOffset: number) => number = (readableOffset) => readableOffset
  topicsVersion: DataVersion.DataVersion
  groupsVersion: DataVersion.DataVersion
  delayVersion: DataVersion.DataVersion
  capacity: Capacity.Capacity = Capacity.defaults
  /** Topics and groups that will be new when their records are durable. */
  readonly #coming = { groups: 0, topics: 0 }
  /** Told when topics were created or changed, and their change is durable. */
  onTopicsChanged: (topics: ReadonlyArray<TopicConfig>) => void = () => {}

  readonly #world: World
  readonly #snapshots: Snapshots
  #store: MessageStore | undefined
  #positions = { delay: 0, groups: 0, modes: 0, offsets: 0, topics: 0, transactions: 0 }
  #isForeign = { groups: false, modes: false, offsets: false, topics: false }
  readonly #journal: OffsetJournal
  readonly #topicsFile: SnapshotFile
  readonly #groupsFile: SnapshotFile
  readonly #offsetsFile: SnapshotFile
  readonly #delayFile: SnapshotFile
  readonly #modesFile: SnapshotFile
  readonly #transactionsFile: SnapshotFile
  /** What is being deleted: its record is on its way. */
  readonly #leavingTopics = new Set<string>()
  readonly #leavingGroups = new Set<string>()

  constructor(world: World, root: string) {
    this.#world = world
    this.#snapshots = new Snapshots(world.disk, root)
    const nowMs = world.clock.nowMs()
    const file = (name: string, print: () => Iterable<string>) =>
      new SnapshotFile(world, `${root}/config`, name, print, (done) => this.#settle(done))
    this.#topicsFile = file("topics.json", () => this.#printTopics())
    this.#groupsFile = file("subscriptionGroup.json", () => this.#printGroups())
    this.#offsetsFile = file("consumerOffset.json", () => this.#printOffsets())
    this.#delayFile = file("delayOffset.json", () => this.#printDelay())
    this.#modesFile = file("messageRequestMode.json", () => this.#printModes())
    this.#transactionsFile = file("gantryTransactions.json", () =>
      ConfigJson.printTransactionProgress(this.transactionsNoted(this.#position())),
    )
    this.#journal = new OffsetJournal(
      world,
      (record, done) => this.#append([record], done),
      ({ group, topic }) => this.#leavingTopics.has(topic) || this.#leavingGroups.has(group),
    )
    this.#journal.onDurable = () => this.#offsetsFile.changed()
    this.topicsVersion = DataVersion.initial(nowMs)
    this.groupsVersion = DataVersion.initial(nowMs)
    this.delayVersion = DataVersion.initial(nowMs)
  }

  /** How far each group has consumed each queue, as consumers are answered. */
  get offsets(): ConsumerOffset.ConsumerOffsets {
    return this.#journal.offsets
  }

  /** Reads the snapshots. Answers the log offset to fold from. Throws `StoreError`. */
  load(delayLevels: DelayLevels = defaultLevels): number {
    const never = Number.MAX_SAFE_INTEGER
    const topics = this.#snapshots.topics()
    if (topics !== undefined) {
      for (const config of topics.topicConfigTable.values()) this.topics.set(config.topicName, config)
      for (const [topic, { commitLogOffset, nextOffsets }] of topics.deleted)
        this.#noteDeleted(
          topic,
          commitLogOffset,
          [...nextOffsets].map(([id, next]) => [Number(id), next]),
        )
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
          this.#journal.restore({
            group: key.slice(at + 1),
            queueId,
            queueOffset,
            topic: key.slice(0, at),
            ...(offsets.resets.get(key)?.has(String(queueId)) === true ? { isReset: true } : {}),
          })
      }
      for (const [group, topics] of offsets.ordered)
        ConsumptionOrder.evolve(this.order, { _tag: "Ordered", group, topics })
      this.offsets.version = offsets.dataVersion
      this.#positions.offsets = offsets.position ?? never
      this.#isForeign.offsets = offsets.position === undefined
    }
    const modes = this.#snapshots.requestModes()
    if (modes !== undefined) {
      const settings = [...modes.messageRequestModeMap.values()].flatMap((ofTopic) => ofTopic.values().toArray())
      RequestMode.evolve(this.requestModes, { _tag: "Set", settings })
      this.#positions.modes = modes.position ?? never
      this.#isForeign.modes = modes.position === undefined
    } else if (this.#isForeign.groups) {
      // Apache RocketMQ writes this file when something is set only: there is nothing in its log to be folded.
      this.#positions.modes = never
    }
    const delay = this.#snapshots.delayOffsets()
    if (delay !== undefined) {
      for (const [level, queueOffset] of delay.offsetTable) this.#delays.set(level, DelayProgress.make(queueOffset))
      for (const [level, runs] of delay.ahead)
        this.#delays
          .get(Number(level))
          ?.ahead.push(...runs.map(([first = 0, end = 0]): DelayProgress.Run => [first, end]))
      const [first, ...more] = delay.tables
      if (first !== undefined) {
        this.delayHistory = DelayHistory.make(first.delaysMs)
        for (const { commitLogOffset, delaysMs } of more)
          this.delayHistory = DelayHistory.begin(this.delayHistory, commitLogOffset, delaysMs)
      }
      // By what another program delivers is not in its file; the likeliest is what is configured.
      else if (delay.position === undefined) this.delayHistory = DelayHistory.make(delayLevels)
      this.delayVersion = delay.dataVersion
      this.#positions.delay = delay.position ?? never
    }
    // A store that comes from Apache RocketMQ has no such file: what its broker would ask again is asked again here.
    this.#positions.transactions = this.#snapshots.transactions()?.position ?? (this.#isForeign.topics ? never : 0)
    return Math.min(...Object.values(this.#positions))
  }

  /** Folds one record of the log. `source` reads the record that a delivered one was made from. */
  fold(message: StoredMessage, source: (commitLogOffset: number) => StoredMessage | undefined): void {
    const at = message.physicalOffset
    if (this.#foldTransaction(message, at)) return
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
    if (at >= this.#positions[tableOf[record.kind]]) this.#apply(record, at)
    if (at >= this.#positions.offsets) this.#applyToOffsets(record)
    if (at >= this.#positions.modes) this.#applyToModes(record)
  }

  /** Whether a record is one of a transaction that nothing else is to be learnt from. */
  #foldTransaction(message: StoredMessage, at: number): boolean {
    const resumed = Transaction.resumedBy(message)
    const ended = Transaction.endedBy(message)
    if (resumed === undefined && ended === undefined) return false
    if (at < this.#positions.transactions) return true
    if (resumed !== undefined) this.endedHalves.delete(resumed)
    if (ended !== undefined) this.endedHalves.set(ended.id, ended.outcome)
    return true
  }

  /** From where on the log was searched for ends of transactions at the start. */
  get transactionsPosition(): number {
    return this.#positions.transactions
  }

  /** Op messages that tell of ends are on disk. */
  transactionsAdvanced(): void {
    this.#transactionsFile.changed()
  }

  /** Where a queue of a topic that was deleted begins; undefined for any other. */
  beginOf(topic: string, queueId: number): number | undefined {
    return this.#deleted.get(topic)?.nextOffsets.get(queueId)
  }

  /** The store is open: what another program wrote is taken over as records, and the system's own are added. */
  start(
    store: MessageStore,
    topics: ReadonlyArray<TopicConfig>,
    groups: ReadonlyArray<GroupConfig>,
    delayLevels: DelayLevels,
    done: Durable,
  ): void {
    this.#store = store
    // Recovery may have read again what was deleted, or found files that a crash kept from being removed.
    for (const topic of this.#deleted.keys())
      for (const queueId of store.queues.idsOf(topic)) this.#beginAnew(store, topic, queueId)
    const newTopics = topics.filter((config) => !this.topics.has(config.topicName))
    const newGroups = groups.filter((config) => !this.groups.has(config.groupName))
    for (const config of newTopics) this.topics.set(config.topicName, config)
    for (const config of newGroups) this.groups.set(config.groupName, config)
    const foreignTopics = this.#isForeign.topics ? [...this.topics.values()] : newTopics
    const foreignGroups = this.#isForeign.groups ? [...this.groups.values()] : newGroups
    const entries = this.#isForeign.offsets ? ConsumerOffset.entries(this.offsets) : []
    const foreignModes = this.#isForeign.modes ? RequestMode.settings(this.requestModes) : []
    const records: Array<SystemRecords.SystemRecord> = []
    if (foreignModes.length > 0) records.push({ kind: "requestModes", requestModes: foreignModes })
    if (foreignTopics.length > 0) records.push({ kind: "topics", topics: foreignTopics })
    if (foreignGroups.length > 0) records.push({ groups: foreignGroups, kind: "groups" })
    if (!DelayHistory.isSame(DelayHistory.current(this.delayHistory), delayLevels))
      records.push({ delaysMs: delayLevels, kind: "delayLevels" })
    // A file that covers more than there is would have records skipped that are still to come.
    const { readableOffset } = store.log
    const isAhead = Object.values(this.#positions).some((at) => at > readableOffset && at < Number.MAX_SAFE_INTEGER)
    const isNothingNew = records.length === 0 && entries.length === 0 && !isAhead
    this.#append(records, (topicsFailure) => {
      if (topicsFailure !== undefined || isNothingNew) return done(topicsFailure)
      const stored: Durable = (failure) => {
        if (failure === undefined) this.writeAll(done)
        else done(failure)
      }
      this.#journal.append(entries, [(failure) => this.#world.clock.soon(() => stored(failure))])
    })
  }

  /** Creates or changes topics and groups; `done` when the change is durable, also for Apache RocketMQ. */
  change(topics: ReadonlyArray<TopicConfig>, groups: ReadonlyArray<GroupConfig>, done: Durable): void {
    const { capacity } = this
    const coming = this.#coming
    const newTopics = topics.map(({ topicName }) => topicName).filter((name) => !this.topics.has(name))
    const newGroups = groups.map(({ groupName }) => groupName).filter((name) => !this.groups.has(name))
    const full =
      Capacity.whyFull(
        "topics",
        this.topics.size + coming.topics + this.#deleted.size,
        newTopics.length,
        capacity.topicNumsMax,
      ) ?? Capacity.whyFull("groups", this.groups.size + coming.groups, newGroups.length, capacity.groupNumsMax)
    if (full !== undefined) return done(full)
    coming.topics += newTopics.length
    coming.groups += newGroups.length
    const records: Array<SystemRecords.SystemRecord> = []
    if (topics.length > 0) records.push({ kind: "topics", topics })
    if (groups.length > 0) records.push({ groups, kind: "groups" })
    this.#append(records, (failure) => {
      coming.topics -= newTopics.length
      coming.groups -= newGroups.length
      if (failure !== undefined) return done(failure)
      if (topics.length > 0) this.onTopicsChanged(topics)
      this.#whenWritten(done)
    })
  }

  /**
   * Deletes topics, with all offsets and messages of theirs; unknown ones too, for what is left of them. A topic that is
   * made again goes on at the offsets where it ended: none is used twice (P2).
   */
  deleteTopics(names: ReadonlyArray<string>, done: Durable): void {
    const store = this.#store
    if (store === undefined || names.length === 0)
      return done(store === undefined ? "the broker is not started" : undefined)
    const topics = names.map((topic): SystemRecords.DeletedTopic => {
      const nextOffsets = store.queues.idsOf(topic).map((id) => [id, store.queues.get(topic, id).nextOffset] as const)
      return { nextOffsets: nextOffsets.filter(([, nextOffset]) => nextOffset > 0), topic }
    })
    for (const topic of names) this.#leavingTopics.add(topic)
    this.#append([{ kind: "topicsDeleted", topics }], (failure) => {
      for (const topic of names) this.#leavingTopics.delete(topic)
      if (failure !== undefined) return done(failure)
      // Files go when the snapshot says why: a start in between finds them and knows what they are worth.
      this.#whenWritten((failed) => {
        if (failed === undefined) this.#removeQueues(store, topics)
        done(failed)
      })
    })
  }

  deleteGroup(group: string, withOffsets: boolean, done: Durable): void {
    if (withOffsets) this.#leavingGroups.add(group)
    this.#append([{ groups: [{ group, withOffsets }], kind: "groupsDeleted" }], (failure) => {
      this.#leavingGroups.delete(group)
      if (failure === undefined) this.#whenWritten(done)
      else done(failure)
    })
  }

  /** Allows or forbids a group something with a topic; `bits` are what is forbidden. */
  forbid(group: string, topic: string, bits: number, done: Durable): void {
    const { forbiddenNumsMax } = this.capacity
    let count = 0
    for (const ofGroup of this.forbidden.values()) count += ofGroup.size
    if (count >= forbiddenNumsMax && this.forbidden.get(group)?.has(topic) !== true)
      return done(`something is forbidden to ${count} pairs of group and topic already; allow some again`)
    this.#append([{ forbidden: [[group, topic, bits]], kind: "forbidden" }], (failure) => {
      if (failure === undefined) this.#whenWritten(done)
      else done(failure)
    })
  }

  /** The group consumes these topics in order from now on. */
  noteOrder(
    { group, topics }: { readonly group: string; readonly topics: ReadonlyArray<string> },
    done: Durable,
  ): void {
    this.#append([{ group, kind: "ordered", topics }], done)
  }

  /** Sets how groups get their messages. */
  setRequestModes(requestModes: ReadonlyArray<RequestMode.Setting>, done: Durable): void {
    this.#append([{ kind: "requestModes", requestModes }], (failure) => {
      if (failure === undefined) this.#whenWritten(done)
      else done(failure)
    })
  }

  /** An offset was committed in memory; `done`, if given, runs when it is on disk. */
  offsetCommitted(done?: Durable): void {
    this.#journal.committed(done)
  }

  /** Appends a record of what was committed since the last one; afterwards a snapshot may be written. */
  flushOffsets(done: Durable): void {
    // In a turn of its own: the sync that told us may have others to tell, whose news the snapshot must not miss.
    this.#journal.flush((failure) => this.#world.clock.soon(() => done(failure)))
  }

  /** What of a delay level's queue is delivered; one of its own, which nobody keeps, for a level that has delivered nothing. */
  delayProgress(level: number): DelayProgress.DelayProgress {
    return this.#delays.get(level) ?? DelayProgress.make()
  }

  /** By delay level, the first queue offset that is not delivered. */
  get delayOffsets(): ReadonlyMap<number, number> {
    return new Map([...this.#delays].map(([level, { next }]) => [level, next]))
  }

  /** A delay level's message was delivered, or never will be. */
  delayDelivered(level: number, queueOffset: number): void {
    const progress = this.delayProgress(level)
    this.#delays.set(level, progress)
    DelayProgress.delivered(progress, queueOffset)
    this.#delayFile.changed()
  }

  /** Writes the snapshots of what changes with every message. */
  writeProgress(done: Durable): void {
    // What the store refused before is tried again.
    this.#journal.flush()
    this.#write([this.#offsetsFile, this.#delayFile, this.#transactionsFile], done)
  }

  /** Writes every snapshot whose records lie in the log alone: afterwards the log may lose its oldest segment. */
  writeChanged(done: Durable): void {
    this.#journal.flush()
    this.#write(this.#files, done)
  }

  /** Writes every snapshot: at a clean shutdown, and after another program's files were taken over. */
  writeAll(done: Durable): void {
    for (const file of this.#files) file.changed()
    this.writeChanged(done)
  }

  get #files(): ReadonlyArray<SnapshotFile> {
    return [
      this.#topicsFile,
      this.#groupsFile,
      this.#offsetsFile,
      this.#delayFile,
      this.#modesFile,
      this.#transactionsFile,
    ]
  }

  #foldDelivered(source: StoredMessage | undefined): void {
    if (source === undefined || source.topic !== TopicName.SCHEDULE) return
    this.delayDelivered(levelOfQueue(source.queueId), source.queueOffset)
  }

  /** What a record of the log at `at` says of topics and groups. */
  #apply(record: SystemRecords.SystemRecord, at: number): void {
    switch (record.kind) {
      case "topics":
        for (const config of record.topics) this.topics.set(config.topicName, config)
        return
      case "groups":
        for (const config of record.groups) this.groups.set(config.groupName, config)
        return
      case "topicsDeleted":
        for (const { nextOffsets, topic } of record.topics) {
          this.topics.delete(topic)
          this.#noteDeleted(topic, at, nextOffsets)
        }
        return
      case "groupsDeleted":
        for (const { group } of record.groups) {
          this.groups.delete(group)
          this.forbidden.delete(group)
        }
        return
      case "forbidden":
        for (const [group, topic, bits] of record.forbidden) this.#setForbidden(group, topic, bits)
        return
      case "delayLevels":
        this.delayHistory = DelayHistory.begin(this.delayHistory, at, record.delaysMs)
        return
      case "offsets":
      case "ordered":
      case "requestModes":
    }
  }

  /** What a record says of request modes: they go with their topic and with their group. */
  #applyToModes(record: SystemRecords.SystemRecord): void {
    const modes = this.requestModes
    if (record.kind === "requestModes") RequestMode.evolve(modes, { _tag: "Set", settings: record.requestModes })
    if (record.kind === "topicsDeleted")
      for (const { topic } of record.topics) RequestMode.evolve(modes, { _tag: "TopicDeleted", topic })
    if (record.kind === "groupsDeleted")
      for (const { group } of record.groups) RequestMode.evolve(modes, { _tag: "GroupDeleted", group })
  }

  /** What a record says of consumer offsets, and of the order in which groups consume. */
  #applyToOffsets(record: SystemRecords.SystemRecord): void {
    if (record.kind === "offsets")
      for (const [group, topic, queueId, queueOffset, reset] of record.offsets) {
        const entry = { group, queueId, queueOffset, topic }
        this.#journal.restore(reset === 1 ? { ...entry, isReset: true } : entry)
      }
    if (record.kind === "ordered") this.#ordered({ _tag: "Ordered", group: record.group, topics: record.topics })
    if (record.kind === "topicsDeleted")
      for (const { topic } of record.topics) {
        this.#journal.forgot((offsets) => ConsumerOffset.removeTopic(offsets, topic))
        this.#ordered({ _tag: "TopicDeleted", topic })
      }
    if (record.kind === "groupsDeleted")
      for (const { group, withOffsets } of record.groups) {
        if (withOffsets) this.#journal.forgot((offsets) => ConsumerOffset.removeGroup(offsets, group))
        this.#ordered({ _tag: "GroupDeleted", group })
      }
  }

  #ordered(event: ConsumptionOrder.Event): void {
    ConsumptionOrder.evolve(this.order, event)
    this.#offsetsFile.changed()
  }

  #setForbidden(group: string, topic: string, bits: number): void {
    const topics = new Map(this.forbidden.get(group))
    if (bits === 0) topics.delete(topic)
    else topics.set(topic, bits)
    if (topics.size === 0) this.forbidden.delete(group)
    else this.forbidden.set(group, topics)
  }

  #noteDeleted(topic: string, at: number, nextOffsets: Iterable<readonly [number, number]>): void {
    const known = new Map(nextOffsets)
    // What never had a message leaves nothing that could come back.
    if (known.size > 0) this.#deleted.set(topic, { at, nextOffsets: known })
  }

  /** A record at `at` became durable: what it says is true from now on. */
  #becameTrue(record: SystemRecords.SystemRecord, at: number): void {
    // Offsets are true when the journal says so.
    if (record.kind === "offsets") return
    this.#apply(record, at)
    if (record.kind === "delayLevels") return this.#delayFile.changed()
    this.#applyToOffsets(record)
    this.#applyToModes(record)
    if (record.kind === "requestModes" || record.kind === "topicsDeleted" || record.kind === "groupsDeleted")
      this.#modesFile.changed()
    if (tableOf[record.kind] === "topics") {
      this.topicsVersion = this.#bumped(this.topicsVersion)
      this.#topicsFile.changed()
    } else if (tableOf[record.kind] === "groups") {
      this.groupsVersion = this.#bumped(this.groupsVersion)
      this.#groupsFile.changed()
    }
  }

  #removeQueues(store: MessageStore, topics: ReadonlyArray<SystemRecords.DeletedTopic>): void {
    const queues = topics.flatMap(({ topic }) => store.queues.idsOf(topic).map((queueId) => [topic, queueId] as const))
    const turn = (): void => {
      if (!store.isOpen) return
      for (const [topic, queueId] of queues.splice(0, queuesPerTurn)) {
        try {
          this.#beginAnew(store, topic, queueId)
        } catch (error) {
          if (!(error instanceof DiskError)) throw error
          this.#world.log.warn(`files of a deleted topic stay until the next start: ${error.message}`)
        }
      }
      if (queues.length > 0) this.#world.clock.soon(turn)
    }
    turn()
  }

  #beginAnew(store: MessageStore, topic: string, queueId: number): void {
    store.queues.forgetBefore(topic, queueId, this.beginOf(topic, queueId) ?? 0)
  }

  /** What was deleted is forgotten when no record of it is in the log any more and the topic was not made again. */
  #forgetDeleted(): void {
    const logMin = this.#store?.log.minOffset ?? 0
    for (const [topic, { at }] of this.#deleted) if (at < logMin && !this.topics.has(topic)) this.#deleted.delete(topic)
  }

  /** Runs `done` when the files of topics, groups and request modes say what is true now. Changes of one turn share the write. */
  #whenWritten(done: Durable): void {
    this.#write([this.#topicsFile, this.#groupsFile, this.#modesFile], done)
  }

  #write(files: ReadonlyArray<SnapshotFile>, done: Durable): void {
    let left = files.length
    let failed: string | undefined
    for (const file of files)
      file.write((failure) => {
        failed ??= failure
        if (--left === 0) done(failed)
      })
  }

  /** By ASYNC_FLUSH, what a snapshot says may be readable and not yet on disk: its position would lie behind the log's end. */
  #settle(done: Durable): void {
    const log = this.#store?.log
    if (log === undefined) return done("the broker is not started")
    if (log.syncedOffset >= log.readableOffset) return done(undefined)
    log.syncNow(() => done(log.failed === undefined ? undefined : `the log failed: ${log.failed.message}`))
  }

  #append(whole: ReadonlyArray<SystemRecords.SystemRecord>, done: Durable): void {
    const store = this.#store
    if (store === undefined) return done("the broker is not started")
    const records = whole.flatMap(SystemRecords.split)
    let left = records.length
    if (left === 0) return done(undefined)
    let failed: string | undefined
    const ended = (failure: string | undefined): void => {
      failed ??= failure
      if (--left === 0) done(failed)
    }
    for (const record of records) {
      const waiter: PutWaiter = {
        // Told late rather than in doubt: what a late sync leaves unknown could not be taken back.
        isPatient: true,
        stored: (status, { commitLogOffset }) => {
          const failure = failureOf(status)
          if (failure === undefined) this.#becameTrue(record, commitLogOffset)
          ended(failure)
        },
      }
      const refused = this.#put(store, record, waiter)
      if (refused !== undefined) ended(`the store refuses the change: ${refused}`)
    }
  }

  /** Why the store does not take the record; undefined when it does. */
  #put(store: MessageStore, record: SystemRecords.SystemRecord, waiter: PutWaiter): string | undefined {
    try {
      const queue = store.queues.get(SystemRecords.topicOf[record.kind], 0)
      const put = store.put(queue, SystemRecords.encode(record, this.#world.clock.nowMs()), waiter, true)
      return typeof put === "string" ? put : undefined
    } catch (error) {
      if (error instanceof DiskError) return error.message
      throw error
    }
  }

  #printTopics(): Iterable<string> {
    this.#forgetDeleted()
    const deleted = new Map(
      [...this.#deleted].map(([topic, { at, nextOffsets }]) => {
        const texts = [...nextOffsets].map(([queueId, next]) => [String(queueId), next] as const)
        return [topic, { commitLogOffset: at, nextOffsets: new Map(texts) }]
      }),
    )
    return ConfigJson.printTopics({
      deleted,
      dataVersion: this.topicsVersion,
      position: this.#position(),
      topicConfigTable: this.topics,
    })
  }

  #printGroups(): Iterable<string> {
    return ConfigJson.printSubscriptionGroups({
      dataVersion: this.groupsVersion,
      forbiddenTable: this.forbidden,
      position: this.#position(),
      subscriptionGroupTable: this.groups,
    })
  }

  #printOffsets(): Iterable<string> {
    return ConfigJson.printConsumerOffsets({
      committed: this.#journal.durable.committed,
      dataVersion: this.offsets.version,
      position: this.#position(),
      ordered: this.order,
      resets: this.#journal.durable.pendingResets,
    })
  }

  #printDelay(): Iterable<string> {
    this.delayVersion = this.#bumped(this.delayVersion)
    this.delayHistory = DelayHistory.forget(this.delayHistory, this.#store?.log.minOffset ?? 0)
    const [first, ...more] = this.delayHistory
    const isUsual = more.length === 0 && DelayHistory.isSame(first.levels, defaultLevels)
    const ahead = [...this.#delays].flatMap(([level, progress]) =>
      progress.ahead.length === 0 ? [] : [[String(level), [...progress.ahead]] as const],
    )
    return ConfigJson.printDelayOffsets({
      ahead: new Map(ahead),
      dataVersion: this.delayVersion,
      offsetTable: this.delayOffsets,
      position: this.#position(),
      tables: isUsual
        ? []
        : this.delayHistory.map(({ commitLogOffset, levels }) => ({ commitLogOffset, delaysMs: levels })),
    })
  }

  #printModes(): Iterable<string> {
    return ConfigJson.printRequestModes({ messageRequestModeMap: this.requestModes, position: this.#position() })
  }

  /**
   * What is readable is folded into the state already, and nothing else is: records become true in the turn in which
   * they become readable. Not to be asked within that turn.
   */
  #position(): number {
    return this.#store?.log.readableOffset ?? 0
  }

  /** Durable consumer offsets, by `topic@group` and queue id. */
  offsetTable(): ReadonlyMap<string, ReadonlyMap<number, number>> {
    const table = new Map<string, ReadonlyMap<number, number>>()
    for (const [group, topics] of this.#journal.durable.committed)
      for (const [topic, queues] of topics) table.set(`${topic}@${group}`, queues)
    return table
  }

  #bumped(version: DataVersion.DataVersion): DataVersion.DataVersion {
    return DataVersion.next(version, this.#world.clock.nowMs())
  }
}
