import * as RequestMode from "../../../domain/RequestMode.ts"
import * as ConfigJson from "../../../format/ConfigJson.ts"
import type { Snapshots } from "../Snapshots.ts"
import type { SystemRecord } from "../SystemRecords.ts"
import { never, Table } from "./Table.ts"

/** How groups get their messages where their broker shares out the queues. Modes go with their topic and their group. */
export class RequestModeTable extends Table {
  readonly fileName = "messageRequestMode.json"
  readonly modes = RequestMode.make()

  /** `isForeignStore`: Apache RocketMQ had the store last. It writes this file only when something is set. */
  load(snapshots: Snapshots, isForeignStore: boolean): void {
    const file = snapshots.requestModes()
    if (file === undefined) {
      // Nothing in its log is to be folded.
      if (isForeignStore) this.position = never
      return
    }
    const settings = [...file.messageRequestModeMap.values()].flatMap((ofTopic) => Array.from(ofTopic.values()))
    RequestMode.evolve(this.modes, { _tag: "Set", settings })
    this.covers(file.position)
  }

  apply(record: SystemRecord): boolean {
    switch (record.kind) {
      case "requestModes":
        RequestMode.evolve(this.modes, { _tag: "Set", settings: record.requestModes })
        return true
      case "topicsDeleted":
        for (const { topic } of record.topics) RequestMode.evolve(this.modes, { _tag: "TopicDeleted", topic })
        return true
      case "groupsDeleted":
        for (const { group } of record.groups) RequestMode.evolve(this.modes, { _tag: "GroupDeleted", group })
        return true
      default:
        return false
    }
  }

  print(position: number): Iterable<string> {
    return ConfigJson.printRequestModes({ messageRequestModeMap: this.modes, position })
  }
}
