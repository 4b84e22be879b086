import * as DataVersion from "../../../domain/DataVersion.ts"
import type { GroupConfig } from "../../../domain/SubscriptionGroup.ts"
import * as ConfigJson from "../../../format/ConfigJson.ts"
import type { Snapshots } from "../Snapshots.ts"
import type { SystemRecord } from "../SystemRecords.ts"
import { Table } from "./Table.ts"

/** Consumer groups, and what is forbidden to them. */
export class GroupTable extends Table {
  readonly fileName = "subscriptionGroup.json"
  readonly groups = new Map<string, GroupConfig>()
  /** By group and topic, bits. */
  readonly forbidden = new Map<string, ReadonlyMap<string, number>>()
  version: DataVersion.DataVersion

  constructor(nowMs: number) {
    super()
    this.version = DataVersion.initial(nowMs)
  }

  /** Pairs of group and topic to which something is forbidden. */
  get forbiddenCount(): number {
    let count = 0
    for (const ofGroup of this.forbidden.values()) count += ofGroup.size
    return count
  }

  load(snapshots: Snapshots): void {
    const file = snapshots.groups()
    if (file === undefined) return
    for (const config of file.subscriptionGroupTable.values()) this.groups.set(config.groupName, config)
    for (const [group, bits] of file.forbiddenTable) this.forbidden.set(group, bits)
    this.version = file.dataVersion
    this.covers(file.position)
  }

  apply(record: SystemRecord): boolean {
    switch (record.kind) {
      case "groups":
        for (const config of record.groups) this.groups.set(config.groupName, config)
        return true
      case "groupsDeleted":
        for (const { group } of record.groups) {
          this.groups.delete(group)
          this.forbidden.delete(group)
        }
        return true
      case "forbidden":
        for (const [group, topic, bits] of record.forbidden) this.#forbid(group, topic, bits)
        return true
      default:
        return false
    }
  }

  override changed(nowMs: number): void {
    this.version = DataVersion.next(this.version, nowMs)
  }

  print(position: number): Iterable<string> {
    return ConfigJson.printSubscriptionGroups({
      dataVersion: this.version,
      forbiddenTable: this.forbidden,
      position,
      subscriptionGroupTable: this.groups,
    })
  }

  #forbid(group: string, topic: string, bits: number): void {
    const topics = new Map(this.forbidden.get(group))
    if (bits === 0) topics.delete(topic)
    else topics.set(topic, bits)
    if (topics.size === 0) this.forbidden.delete(group)
    else this.forbidden.set(group, topics)
  }
}
