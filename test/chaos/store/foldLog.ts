/**
 * What a store's log says, read from its files without any of the store's own code: the records in order, and what must
 * follow from them for each queue and each key (P9). The checks compare the store with this.
 */
import { hashCode } from "../../../src/domain/JavaString.ts"
import * as Properties from "../../../src/domain/Properties.ts"
import { indexKeyHash, keysOf } from "../../../src/format/IndexFile.ts"
import { Malformed } from "../../../src/format/Malformed.ts"
import * as StoredMessage from "../../../src/format/StoredMessage.ts"
import type { Disk } from "../../../src/infra/disk/Disk.ts"

export interface Entry {
  readonly queueOffset: number
  readonly commitLogOffset: number
  readonly sizeBytes: number
  readonly tagsCode: number
}

export interface LogFold {
  readonly records: ReadonlyArray<StoredMessage.Decoded>
  readonly minOffset: number
  /** One past the last record, or past the blank behind it. */
  readonly endOffset: number
  /** Whether nothing but zeros follows the end. */
  readonly isBuried: boolean
  /** By `topic/queueId`. */
  readonly queues: ReadonlyMap<string, ReadonlyArray<Entry>>
  /** By the hash of the key, log offsets, the newest first. */
  readonly keys: ReadonlyMap<number, ReadonlyArray<number>>
}

export const foldLog = (disk: Disk, root: string, delayLevelsMs: ReadonlyArray<number>): LogFold => {
  const records: Array<StoredMessage.Decoded> = []
  const names = disk.list(`${root}/commitlog`)
  const minOffset = Number(names[0] ?? 0)
  let endOffset = minOffset
  let isBuried = true
  let isEnded = false
  for (const name of names) {
    const bytes = readFile(disk, `${root}/commitlog/${name}`)
    const base = Number(name)
    if (isEnded) {
      isBuried &&= bytes.every((byte) => byte === 0)
      continue
    }
    let at = 0
    for (; at < bytes.length;) {
      const found = StoredMessage.check(bytes, at, bytes.length - at)
      if (found.kind === "blank") {
        at += found.sizeBytes
        continue
      }
      const record = found.kind === "record" ? StoredMessage.decode(bytes, at) : undefined
      if (record === undefined || record instanceof Malformed || record.physicalOffset !== base + at) break
      records.push(record)
      at += record.sizeBytes
    }
    endOffset = base + at
    isEnded = at < bytes.length
    if (isEnded) isBuried = bytes.subarray(at).every((byte) => byte === 0)
  }
  return { endOffset, isBuried, minOffset, records, ...project(records, delayLevelsMs) }
}

const project = (
  records: ReadonlyArray<StoredMessage.Decoded>,
  delayLevelsMs: ReadonlyArray<number>,
): Pick<LogFold, "queues" | "keys"> => {
  const queues = new Map<string, Array<Entry>>()
  const keys = new Map<number, Array<number>>()
  const { DELAY, KEYS, TAGS, UNIQ_KEY } = Properties.PropertyName
  for (const { physicalOffset, properties, queueId, queueOffset, sizeBytes, storeTimestamp, topic } of records) {
    const property = Properties.parse(properties)
    const level = Number(property.get(DELAY) ?? 0)
    const isDelayed = topic === "SCHEDULE_TOPIC_XXXX" && level > 0
    const tagsCode = isDelayed
      ? storeTimestamp + delayLevelsMs[Math.min(level, delayLevelsMs.length) - 1]!
      : hashCode(property.get(TAGS) ?? "")
    const name = `${topic}/${queueId}`
    const queue = queues.get(name) ?? []
    queue.push({ commitLogOffset: physicalOffset, queueOffset, sizeBytes, tagsCode })
    queues.set(name, queue)
    for (const key of keysOf(topic, property.get(UNIQ_KEY), property.get(KEYS), property.get(TAGS))) {
      const hash = indexKeyHash(key)
      keys.set(hash, [physicalOffset, ...(keys.get(hash) ?? [])])
    }
  }
  return { keys, queues }
}

const readFile = (disk: Disk, path: string): Buffer => {
  const file = disk.open(path, "read")
  const bytes = Buffer.alloc(file.sizeBytes())
  file.readSync(bytes, 0)
  file.close()
  return bytes
}
