/**
 * RocketMQ's JSON files in `config/`, as snapshots of a fold over the log: Apache RocketMQ can open the store at any
 * time and finds topics, groups and offsets there, and its own files are taken over at start.
 *
 * Each file says how much of the log it covers, in a member of ours: `"gantry": {"commitLogOffset": n}`. Apache drops
 * members that it does not know when it writes the file, so a file without it was written by Apache last and wins
 * (docs/adr/0006-snapshots-say-their-position.md).
 */
import type { Disk } from "../../infra/disk/Disk.ts"
import { readWhole } from "../../infra/store/StateFiles.ts"
import { StoreError } from "../../infra/store/StoreError.ts"
import * as ConfigJson from "../../format/ConfigJson.ts"
import { Malformed } from "../../format/Malformed.ts"

/** Reads them; `SnapshotFile` writes them. */
export class Snapshots {
  readonly #disk: Disk
  readonly #directory: string

  constructor(disk: Disk, root: string) {
    this.#disk = disk
    this.#directory = `${root}/config`
  }

  readonly topics = () => this.#read("topics.json", ConfigJson.parseTopics)
  readonly groups = () => this.#read("subscriptionGroup.json", ConfigJson.parseSubscriptionGroups)
  readonly offsets = () => this.#read("consumerOffset.json", ConfigJson.parseConsumerOffsets)
  readonly requestModes = () => this.#read("messageRequestMode.json", ConfigJson.parseRequestModes)
  readonly delayOffsets = () => this.#read("delayOffset.json", ConfigJson.parseDelayOffsets)
  readonly transactions = () => this.#read("gantryTransactions.json", ConfigJson.parseTransactionProgress)

  /** Reads a file, or its `.bak` as Apache RocketMQ does when the file is missing or empty. */
  #read<T>(name: string, parse: (text: string) => T | Malformed): T | undefined {
    const path = `${this.#directory}/${name}`
    const text = this.#text(path) ?? this.#text(`${path}.bak`)
    if (text === undefined) return undefined
    const content = parse(text)
    if (content instanceof Malformed)
      throw new StoreError(
        "BadSnapshot",
        `${path} cannot be read: ${content.reason}. Restore it from ${name}.bak or a backup; if both are lost, delete it and the log is folded from its start.`,
      )
    return content
  }

  #text(path: string): string | undefined {
    const bytes = readWhole(this.#disk, path)
    return bytes === undefined || bytes.length === 0 ? undefined : bytes.toString("utf8")
  }
}
