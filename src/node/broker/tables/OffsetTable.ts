import * as ConsumerOffset from "../../../domain/ConsumerOffset.ts"
import * as ConsumptionOrder from "../../../domain/ConsumptionOrder.ts"
import * as ConfigJson from "../../../format/ConfigJson.ts"
import type { OffsetJournal } from "../OffsetJournal.ts"
import type { Snapshots } from "../Snapshots.ts"
import type { SystemRecord } from "../SystemRecords.ts"
import { Table } from "./Table.ts"

/** How far groups have consumed, as the log says (`OffsetJournal.durable`), and which of them do so in order (P8). */
export class OffsetTable extends Table {
  readonly fileName = "consumerOffset.json"
  /** Which groups consume which topics in order. */
  readonly order = ConsumptionOrder.make()
  readonly #journal: OffsetJournal

  constructor(journal: OffsetJournal) {
    super()
    this.#journal = journal
  }

  /** By `topic@group` and queue id. */
  get durable(): ReadonlyMap<string, ReadonlyMap<number, number>> {
    const table = new Map<string, ReadonlyMap<number, number>>()
    for (const [group, topics] of this.#journal.durable.committed)
      for (const [topic, queues] of topics) table.set(`${topic}@${group}`, queues)
    return table
  }

  load(snapshots: Snapshots): void {
    const file = snapshots.offsets()
    if (file === undefined) return
    for (const [key, queues] of file.offsetTable) {
      const at = key.indexOf("@")
      if (at < 0) continue
      const resets = file.resets.get(key)
      for (const [queueId, queueOffset] of queues) {
        const entry = { group: key.slice(at + 1), queueId, queueOffset, topic: key.slice(0, at) }
        this.#journal.restore(resets?.has(String(queueId)) === true ? { ...entry, isReset: true } : entry)
      }
    }
    for (const [group, topics] of file.ordered) ConsumptionOrder.evolve(this.order, { _tag: "Ordered", group, topics })
    this.#journal.offsets.version = file.dataVersion
    this.covers(file.position)
  }

  apply(record: SystemRecord): boolean {
    switch (record.kind) {
      case "offsets":
        for (const [group, topic, queueId, queueOffset, reset] of record.offsets) {
          const entry = { group, queueId, queueOffset, topic }
          this.#journal.restore(reset === 1 ? { ...entry, isReset: true } : entry)
        }
        return true
      case "ordered":
        ConsumptionOrder.evolve(this.order, { _tag: "Ordered", group: record.group, topics: record.topics })
        return true
      case "topicsDeleted":
        for (const { topic } of record.topics) {
          this.#journal.forgot((offsets) => ConsumerOffset.removeTopic(offsets, topic))
          ConsumptionOrder.evolve(this.order, { _tag: "TopicDeleted", topic })
        }
        return true
      case "groupsDeleted":
        for (const { group, withOffsets } of record.groups) {
          if (withOffsets) this.#journal.forgot((offsets) => ConsumerOffset.removeGroup(offsets, group))
          ConsumptionOrder.evolve(this.order, { _tag: "GroupDeleted", group })
        }
        return true
      default:
        return false
    }
  }

  print(position: number): Iterable<string> {
    const { durable, offsets } = this.#journal
    return ConfigJson.printConsumerOffsets({
      committed: durable.committed,
      dataVersion: offsets.version,
      ordered: this.order,
      position,
      resets: durable.pendingResets,
    })
  }
}
