import * as DataVersion from "../../../domain/DataVersion.ts"
import * as DelayHistory from "../../../domain/DelayHistory.ts"
import { type DelayLevels, defaultLevels, levelOfQueue } from "../../../domain/DelayLevel.ts"
import * as DelayProgress from "../../../domain/DelayProgress.ts"
import { TopicName } from "../../../domain/Topic.ts"
import * as ConfigJson from "../../../format/ConfigJson.ts"
import type { StoredMessage } from "../../../format/StoredMessage.ts"
import type { Snapshots } from "../Snapshots.ts"
import type { SystemRecord } from "../SystemRecords.ts"
import { Table } from "./Table.ts"

/** What of the delay levels' queues is delivered, and which tables of levels were in force from where on (P7). */
export class DelayTable extends Table {
  readonly fileName = "delayOffset.json"
  history: DelayHistory.DelayHistory = DelayHistory.make()
  version: DataVersion.DataVersion
  readonly #levels = new Map<number, DelayProgress.DelayProgress>()

  constructor(nowMs: number) {
    super()
    this.version = DataVersion.initial(nowMs)
  }

  /** What of a level's queue is delivered; one of its own, which nobody keeps, for a level that has delivered nothing. */
  progress(level: number): DelayProgress.DelayProgress {
    return this.#levels.get(level) ?? DelayProgress.make()
  }

  /** By delay level, the first queue offset that is not delivered. */
  get offsets(): ReadonlyMap<number, number> {
    return new Map([...this.#levels].map(([level, { next }]) => [level, next]))
  }

  /** A level's message was delivered, or never will be. */
  delivered(level: number, queueOffset: number): void {
    const progress = this.progress(level)
    this.#levels.set(level, progress)
    DelayProgress.delivered(progress, queueOffset)
  }

  /** The log has a message that was made from `source`. */
  foldDelivered(source: StoredMessage | undefined): void {
    if (source === undefined || source.topic !== TopicName.SCHEDULE) return
    this.delivered(levelOfQueue(source.queueId), source.queueOffset)
  }

  load(snapshots: Snapshots, configured: DelayLevels): void {
    const file = snapshots.delayOffsets()
    if (file === undefined) return
    for (const [level, queueOffset] of file.offsetTable) this.#levels.set(level, DelayProgress.make(queueOffset))
    for (const [level, runs] of file.ahead)
      this.#levels
        .get(Number(level))
        ?.ahead.push(...runs.map(([first = 0, end = 0]): DelayProgress.Run => [first, end]))
    const [first, ...more] = file.tables
    if (first !== undefined) {
      this.history = DelayHistory.make(first.delaysMs)
      for (const { commitLogOffset, delaysMs } of more)
        this.history = DelayHistory.begin(this.history, commitLogOffset, delaysMs)
    }
    // By what another program delivers is not in its file; the likeliest is what is configured.
    else if (file.position === undefined) this.history = DelayHistory.make(configured)
    this.version = file.dataVersion
    this.covers(file.position)
  }

  apply(record: SystemRecord, at: number): boolean {
    if (record.kind !== "delayLevels") return false
    this.history = DelayHistory.begin(this.history, at, record.delaysMs)
    return true
  }

  print(position: number, nowMs: number, logMinOffset: number): Iterable<string> {
    this.version = DataVersion.next(this.version, nowMs)
    this.history = DelayHistory.forget(this.history, logMinOffset)
    const [first, ...more] = this.history
    const isUsual = more.length === 0 && DelayHistory.isSame(first.levels, defaultLevels)
    const ahead = [...this.#levels].flatMap(([level, progress]) =>
      progress.ahead.length === 0 ? [] : [[String(level), [...progress.ahead]] as const],
    )
    return ConfigJson.printDelayOffsets({
      ahead: new Map(ahead),
      dataVersion: this.version,
      offsetTable: this.offsets,
      position,
      tables: isUsual ? [] : this.history.map(({ commitLogOffset, levels }) => ({ commitLogOffset, delaysMs: levels })),
    })
  }
}
