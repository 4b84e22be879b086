import type { BrokerView, QueueEntry } from "../Evidence.ts"
import type { Checker } from "./Checker.ts"

/** P9: queues, index, topics, groups, offsets, order and delay progress, built from the log alone, are what they were. */
export const oneTruth: Checker = {
  *check({ brokers, rebuilt }) {
    for (const [index, view] of brokers.entries()) {
      const other = rebuilt[index]!
      for (const kind of ["topics", "groups", "offsets", "order", "delayOffsets", "index"] as const)
        yield* differences(`${view.brokerName} ${kind}`, view[kind] as Table, other[kind] as Table)
      yield* differences(`${view.brokerName} queues`, printed(view), printed(other))
      for (const { identity, message } of view.records) {
        if (identity === undefined) continue
        const found = view.index.get(`${message.topic}#${identity.key}`)?.split(" ") ?? []
        if (!found.includes(String(message.physicalOffset)))
          yield `${view.brokerName}: the index does not find ${identity.key} of ${message.topic} at ${message.physicalOffset}`
      }
    }
  },
  isOfLog: true,
  name: "oneTruth",
  promise: "P9",
}

type Table = ReadonlyMap<string | number, string | number>

function* differences(what: string, one: Table, other: Table): Generator<string> {
  for (const key of new Set([...one.keys(), ...other.keys()]))
    if (one.get(key) !== other.get(key))
      yield `${what}: ${key} is ${one.get(key) ?? "missing"}, from the log alone ${other.get(key) ?? "missing"}`
}

const printed = ({ queues }: BrokerView): ReadonlyMap<string, string> =>
  new Map([...queues].map(([key, entries]) => [key, entries.map(print).join(" ")]))

const print = (entry: QueueEntry | undefined): string =>
  entry === undefined ? "none" : `${entry.commitLogOffset}+${entry.sizeBytes}#${entry.tagsCode}`
