import * as DataVersion from "../../../domain/DataVersion.ts"
import type { TopicConfig } from "../../../domain/Topic.ts"
import * as ConfigJson from "../../../format/ConfigJson.ts"
import type { Snapshots } from "../Snapshots.ts"
import type { SystemRecord } from "../SystemRecords.ts"
import { Table } from "./Table.ts"

/** Topics, and those that were deleted while messages of theirs are in the log. */
export class TopicTable extends Table {
  readonly fileName = "topics.json"
  readonly topics = new Map<string, TopicConfig>()
  version: DataVersion.DataVersion
  /** Where the log says that a topic was deleted, and the offsets at which its queues go on if it is made again. */
  readonly #deleted = new Map<string, { readonly at: number; readonly nextOffsets: ReadonlyMap<number, number> }>()

  constructor(nowMs: number) {
    super()
    this.version = DataVersion.initial(nowMs)
  }

  /** Topics that were deleted. */
  get deleted(): ReadonlySet<string> {
    return new Set(this.#deleted.keys())
  }

  get deletedCount(): number {
    return this.#deleted.size
  }

  /** Where a queue of a topic that was deleted begins; undefined for any other. */
  beginOf(topic: string, queueId: number): number | undefined {
    return this.#deleted.get(topic)?.nextOffsets.get(queueId)
  }

  load(snapshots: Snapshots): void {
    const file = snapshots.topics()
    if (file === undefined) return
    for (const config of file.topicConfigTable.values()) this.topics.set(config.topicName, config)
    for (const [topic, { commitLogOffset, nextOffsets }] of file.deleted)
      this.#noteDeleted(
        topic,
        commitLogOffset,
        [...nextOffsets].map(([id, next]) => [Number(id), next]),
      )
    this.version = file.dataVersion
    this.covers(file.position)
  }

  apply(record: SystemRecord, at: number): boolean {
    switch (record.kind) {
      case "topics":
        for (const config of record.topics) this.topics.set(config.topicName, config)
        return true
      case "topicsDeleted":
        for (const { nextOffsets, topic } of record.topics) {
          this.topics.delete(topic)
          this.#noteDeleted(topic, at, nextOffsets)
        }
        return true
      default:
        return false
    }
  }

  override changed(nowMs: number): void {
    this.version = DataVersion.next(this.version, nowMs)
  }

  print(position: number, _nowMs: number, logMinOffset: number): Iterable<string> {
    this.#forget(logMinOffset)
    const deleted = new Map(
      [...this.#deleted].map(([topic, { at, nextOffsets }]) => {
        const texts = [...nextOffsets].map(([queueId, next]) => [String(queueId), next] as const)
        return [topic, { commitLogOffset: at, nextOffsets: new Map(texts) }]
      }),
    )
    return ConfigJson.printTopics({ dataVersion: this.version, deleted, position, topicConfigTable: this.topics })
  }

  #noteDeleted(topic: string, at: number, nextOffsets: Iterable<readonly [number, number]>): void {
    const known = new Map(nextOffsets)
    // What never had a message leaves nothing that could come back.
    if (known.size > 0) this.#deleted.set(topic, { at, nextOffsets: known })
  }

  /** What was deleted is forgotten when no record of it is in the log any more and the topic was not made again. */
  #forget(logMinOffset: number): void {
    for (const [topic, { at }] of this.#deleted)
      if (at < logMinOffset && !this.topics.has(topic)) this.#deleted.delete(topic)
  }
}
