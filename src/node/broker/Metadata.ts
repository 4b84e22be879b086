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
import type { ConsumptionOrder } from "../../domain/ConsumptionOrder.ts"
import type { DataVersion } from "../../domain/DataVersion.ts"
import * as DelayHistory from "../../domain/DelayHistory.ts"
import { type DelayLevels, defaultLevels } from "../../domain/DelayLevel.ts"
import type { DelayProgress } from "../../domain/DelayProgress.ts"
import * as RequestMode from "../../domain/RequestMode.ts"
import type { GroupConfig } from "../../domain/SubscriptionGroup.ts"
import { MessageFlag, transactionType } from "../../domain/SysFlag.ts"
import type { TopicConfig } from "../../domain/Topic.ts"
import type { Outcome } from "../../domain/Transaction.ts"
import type { StoredMessage } from "../../format/StoredMessage.ts"
import { DiskError } from "../../infra/disk/Disk.ts"
import type { MessageStore, PutWaiter, StoredStatus } from "../../infra/store/MessageStore.ts"
import { StoreError } from "../../infra/store/StoreError.ts"
import type { World } from "../../infra/world/World.ts"
import { type Durable, OffsetJournal } from "./OffsetJournal.ts"
import { SnapshotFile } from "./SnapshotFile.ts"
import { Snapshots } from "./Snapshots.ts"
import * as SystemRecords from "./SystemRecords.ts"
import { DelayTable } from "./tables/DelayTable.ts"
import { GroupTable } from "./tables/GroupTable.ts"
import { OffsetTable } from "./tables/OffsetTable.ts"
import { RequestModeTable } from "./tables/RequestModeTable.ts"
import { never, type Table } from "./tables/Table.ts"
import { TopicTable } from "./tables/TopicTable.ts"
import { TransactionTable } from "./tables/TransactionTable.ts"

/** Deletions of topics are written out this many queues at a time. */
const queuesPerTurn = 64

const failureOf = (status: StoredStatus): string | undefined =>
  status === "Stored" ? undefined : "the store failed: whether the change is on disk is unknown"

export class Metadata {
  capacity: Capacity.Capacity = Capacity.defaults
  /** Told when topics were created or changed, and their change is durable. */
  onTopicsChanged: (topics: ReadonlyArray<TopicConfig>) => void = () => {}

  readonly #world: World
  readonly #snapshots: Snapshots
  readonly #journal: OffsetJournal
  readonly #topics: TopicTable
  readonly #groups: GroupTable
  readonly #offsets: OffsetTable
  readonly #delays: DelayTable
  readonly #modes = new RequestModeTable()
  readonly #transactions = new TransactionTable()
  readonly #files: ReadonlyMap<Table, SnapshotFile>
  #store: MessageStore | undefined
  /** Topics and groups that will be new when their records are durable. */
  readonly #coming = { groups: 0, topics: 0 }
  /** What is being deleted: its record is on its way. */
  readonly #leavingTopics = new Set<string>()
  readonly #leavingGroups = new Set<string>()

  constructor(world: World, root: string) {
    this.#world = world
    this.#snapshots = new Snapshots(world.disk, root)
    const { nowMs } = world.clock
    this.#journal = new OffsetJournal(
      world,
      (record, done) => this.#append([record], done),
      ({ group, topic }) => this.#leavingTopics.has(topic) || this.#leavingGroups.has(group),
    )
    this.#topics = new TopicTable(nowMs())
    this.#groups = new GroupTable(nowMs())
    this.#offsets = new OffsetTable(this.#journal)
    this.#delays = new DelayTable(nowMs())
    const fileOf = (table: Table): SnapshotFile => {
      const print = (): Iterable<string> => table.print(this.#position(), nowMs(), this.#store?.log.minOffset ?? 0)
      return new SnapshotFile(world, `${root}/config`, table.fileName, print, (done) => this.#settle(done))
    }
    const tables = [this.#topics, this.#groups, this.#offsets, this.#delays, this.#modes, this.#transactions]
    this.#files = new Map(tables.map((table) => [table, fileOf(table)]))
    this.#journal.onDurable = () => this.#changed(this.#offsets)
  }

  get topics(): ReadonlyMap<string, TopicConfig> {
    return this.#topics.topics
  }

  get topicsVersion(): DataVersion {
    return this.#topics.version
  }

  get groups(): ReadonlyMap<string, GroupConfig> {
    return this.#groups.groups
  }

  get groupsVersion(): DataVersion {
    return this.#groups.version
  }

  /** What is forbidden, by group and topic: bits. */
  get forbidden(): ReadonlyMap<string, ReadonlyMap<string, number>> {
    return this.#groups.forbidden
  }

  /** How far each group has consumed each queue, as consumers are answered. */
  get offsets(): ConsumerOffset.ConsumerOffsets {
    return this.#journal.offsets
  }

  /** Which groups consume which topics in order. */
  get order(): ConsumptionOrder {
    return this.#offsets.order
  }

  /** How groups get their messages where their broker shares out the queues. */
  get requestModes(): RequestMode.RequestModes {
    return this.#modes.modes
  }

  /** Which tables of delay levels were in force, and from where on. */
  get delayHistory(): DelayHistory.DelayHistory {
    return this.#delays.history
  }

  get delayVersion(): DataVersion {
    return this.#delays.version
  }

  /** Ends of transactions that the log told of, by the CommitLog offset that their records name; see `Transactions`. */
  get endedHalves(): Map<number, Outcome> {
    return this.#transactions.endedHalves
  }

  /** Up to where the log, readable up to an offset, has told all ends of transactions by op messages. */
  set transactionsNoted(noted: (readableOffset: number) => number) {
    this.#transactions.noted = noted
  }

  /** Reads the snapshots. Answers the log offset to fold from. Throws `StoreError`. */
  load(delayLevels: DelayLevels = defaultLevels): number {
    this.#topics.load(this.#snapshots)
    this.#groups.load(this.#snapshots)
    this.#offsets.load(this.#snapshots)
    this.#delays.load(this.#snapshots, delayLevels)
    this.#modes.load(this.#snapshots, this.#groups.isForeign)
    this.#transactions.load(this.#snapshots, this.#topics.isForeign)
    return Math.min(...this.#positions())
  }

  /** Folds one record of the log. `source` reads the record that a delivered one was made from. */
  fold(message: StoredMessage, source: (commitLogOffset: number) => StoredMessage | undefined): void {
    const at = message.physicalOffset
    if (this.#transactions.fold(message)) return
    if (message.preparedTransactionOffset > 0 && transactionType(message.sysFlag) === MessageFlag.TRANSACTION_NONE) {
      if (at >= this.#delays.position) this.#delays.foldDelivered(source(message.preparedTransactionOffset))
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
    for (const table of this.#files.keys()) if (at >= table.position) table.apply(record, at)
  }

  /** From where on the log was searched for ends of transactions at the start. */
  get transactionsPosition(): number {
    return this.#transactions.position
  }

  /** Op messages that tell of ends are on disk. */
  transactionsAdvanced(): void {
    this.#changed(this.#transactions)
  }

  /** Where a queue of a topic that was deleted begins; undefined for any other. */
  beginOf(topic: string, queueId: number): number | undefined {
    return this.#topics.beginOf(topic, queueId)
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
    for (const topic of this.#topics.deleted)
      for (const queueId of store.queues.idsOf(topic)) this.#beginAnew(store, topic, queueId)
    const newTopics = topics.filter((config) => !this.topics.has(config.topicName))
    const newGroups = groups.filter((config) => !this.groups.has(config.groupName))
    const foreignTopics = [...(this.#topics.isForeign ? this.topics.values() : []), ...newTopics]
    const foreignGroups = [...(this.#groups.isForeign ? this.groups.values() : []), ...newGroups]
    const entries = this.#offsets.isForeign ? ConsumerOffset.entries(this.offsets) : []
    const foreignModes = this.#modes.isForeign ? RequestMode.settings(this.requestModes) : []
    const records: Array<SystemRecords.SystemRecord> = []
    if (foreignModes.length > 0) records.push({ kind: "requestModes", requestModes: foreignModes })
    if (foreignTopics.length > 0) records.push({ kind: "topics", topics: foreignTopics })
    if (foreignGroups.length > 0) records.push({ groups: foreignGroups, kind: "groups" })
    if (!DelayHistory.isSame(DelayHistory.current(this.delayHistory), delayLevels))
      records.push({ delaysMs: delayLevels, kind: "delayLevels" })
    // A file that covers more than there is would have records skipped that are still to come.
    const { readableOffset } = store.log
    const isAhead = this.#positions().some((at) => at > readableOffset && at < never)
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
        this.topics.size + coming.topics + this.#topics.deletedCount,
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
    const count = this.#groups.forbiddenCount
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
  delayProgress(level: number): DelayProgress {
    return this.#delays.progress(level)
  }

  /** By delay level, the first queue offset that is not delivered. */
  get delayOffsets(): ReadonlyMap<number, number> {
    return this.#delays.offsets
  }

  /** A delay level's message was delivered, or never will be. */
  delayDelivered(level: number, queueOffset: number): void {
    this.#delays.delivered(level, queueOffset)
    this.#changed(this.#delays)
  }

  /** Writes the snapshots of what changes with every message. */
  writeProgress(done: Durable): void {
    // What the store refused before is tried again.
    this.#journal.flush()
    this.#write([this.#offsets, this.#delays, this.#transactions], done)
  }

  /** Writes every snapshot whose records lie in the log alone: afterwards the log may lose its oldest segment. */
  writeChanged(done: Durable): void {
    this.#journal.flush()
    this.#write([...this.#files.keys()], done)
  }

  /** Writes every snapshot: at a clean shutdown, and after another program's files were taken over. */
  writeAll(done: Durable): void {
    for (const table of this.#files.keys()) this.#changed(table)
    this.writeChanged(done)
  }

  #positions(): ReadonlyArray<number> {
    return [...this.#files.keys()].map(({ position }) => position)
  }

  #changed(table: Table): void {
    this.#files.get(table)?.changed()
  }

  /** A record at `at` became durable: what it says is true from now on. */
  #becameTrue(record: SystemRecords.SystemRecord, at: number): void {
    // Offsets are true when the journal says so.
    if (record.kind === "offsets") return
    for (const table of this.#files.keys()) {
      if (!table.apply(record, at)) continue
      table.changed(this.#world.clock.nowMs())
      this.#changed(table)
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

  /** Runs `done` when the files of topics, groups and request modes say what is true now. Changes of one turn share the write. */
  #whenWritten(done: Durable): void {
    this.#write([this.#topics, this.#groups, this.#modes], done)
  }

  #write(tables: ReadonlyArray<Table>, done: Durable): void {
    let left = tables.length
    let failed: string | undefined
    for (const table of tables)
      this.#files.get(table)?.write((failure) => {
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

  /**
   * What is readable is folded into the state already, and nothing else is: records become true in the turn in which
   * they become readable. Not to be asked within that turn.
   */
  #position(): number {
    return this.#store?.log.readableOffset ?? 0
  }

  /** Durable consumer offsets, by `topic@group` and queue id. */
  offsetTable(): ReadonlyMap<string, ReadonlyMap<number, number>> {
    return this.#offsets.durable
  }
}
