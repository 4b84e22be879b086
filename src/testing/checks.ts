/**
 * What is looked for in the logs of a simulated cluster, after a last power cut that left nothing but what was synced.
 * Each finding is a sentence that begins with the promise that was broken.
 *
 *   P1   a message that was answered SEND_OK lies where the answer said, whole, with the body that was sent
 *   P2   queue offsets are dense and used once; what one connection sent to one queue lies in the order sent
 */
import { crc31 } from "../format/Crc32.ts"
import { Malformed } from "../format/Malformed.ts"
import * as StoredMessage from "../format/StoredMessage.ts"
import type { Disk } from "../infra/disk/Disk.ts"
import type { Acknowledged } from "./SendLedger.ts"

export interface BrokerLog {
  readonly brokerName: string
  /** How offset message ids name this broker: address and port in hex. */
  readonly storeHost: string
  /** The first offset that is still kept. */
  readonly minOffset: number
  /** By their offset in the log, in its order. */
  readonly records: ReadonlyMap<number, StoredMessage.Decoded>
}

/** Reads all whole records of a store's log up to `endOffset`. */
export const readLog = (disk: Disk, folder: string, endOffset: number): ReadonlyMap<number, StoredMessage.Decoded> => {
  const records = new Map<number, StoredMessage.Decoded>()
  for (const name of disk.list(folder)) {
    const file = disk.open(`${folder}/${name}`, "read")
    const bytes = Buffer.alloc(file.sizeBytes())
    file.readSync(bytes, 0)
    file.close()
    for (let at = 0; at < bytes.length && Number(name) + at < endOffset;) {
      const found = StoredMessage.check(bytes, at, bytes.length - at)
      if (found.kind !== "record") break
      const message = StoredMessage.decode(bytes, at)
      if (message instanceof Malformed) break
      records.set(message.physicalOffset, message)
      at += found.sizeBytes
    }
  }
  return records
}

export const check = (
  logs: ReadonlyArray<BrokerLog>,
  acknowledged: ReadonlyArray<Acknowledged>,
  isSynced: boolean,
): ReadonlyArray<string> => [
  ...(isSynced ? durable(logs, acknowledged) : []),
  ...logs.flatMap((log) => [...dense(log)]),
  ...inOrder(acknowledged),
]

function* durable(logs: ReadonlyArray<BrokerLog>, acknowledged: ReadonlyArray<Acknowledged>): Generator<string> {
  for (const message of acknowledged) {
    if (!message.isWaiting) continue
    const log = logs.find(({ storeHost }) => storeHost === message.storeHost)
    if (log !== undefined && message.commitLogOffset < log.minOffset) continue
    const record = log?.records.get(message.commitLogOffset)
    const place = `${message.topic}/${message.queueId} at ${message.queueOffset} (log offset ${message.commitLogOffset})`
    if (record === undefined) yield `P1: ${place} was acknowledged and is lost`
    else if (record.queueOffset !== message.queueOffset || record.queueId !== message.queueId)
      yield `P1: ${place} was acknowledged, and ${record.topic}/${record.queueId} at ${record.queueOffset} lies there`
    else if (message.bodyCrc !== undefined && crc31(record.body) !== message.bodyCrc)
      yield `P1: ${place} was acknowledged, and its body is not the one that was sent`
  }
}

function* dense({ brokerName, records }: BrokerLog): Generator<string> {
  const next = new Map<string, number>()
  for (const { queueId, queueOffset, topic } of records.values()) {
    const queue = `${topic}/${queueId}`
    const expected = next.get(queue)
    if (expected !== undefined && queueOffset !== expected)
      yield `P2: ${queue} of ${brokerName} has ${queueOffset} where ${expected} should follow`
    next.set(queue, queueOffset + 1)
  }
}

/** Only sends to a queue of the client's choice: where the broker chooses, any order is right. */
function* inOrder(acknowledged: ReadonlyArray<Acknowledged>): Generator<string> {
  const bySend = acknowledged
    .filter(({ askedQueueId }) => askedQueueId >= 0)
    .toSorted((a, b) => a.connection - b.connection || a.sequence - b.sequence)
  const last = new Map<string, Acknowledged>()
  for (const message of bySend) {
    const key = `${message.connection} ${message.storeHost} ${message.topic}/${message.queueId}`
    const before = last.get(key)
    if (before !== undefined && before.queueOffset >= message.queueOffset)
      yield `P2: ${message.topic}/${message.queueId}: sent as ${message.sequence} and stored at ${message.queueOffset}, before ${before.queueOffset}, sent as ${before.sequence}`
    last.set(key, message)
  }
}
