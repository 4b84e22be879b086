/**
 * Turns the trace events of one store (spec/README.md) into events of StoreTrace.tla: the spec counts records, the
 * store counts bytes. The events of its crashes come from the simulator, which knows when it cut the power.
 */
import { printValue, recordOf, type RecordedEvent, type TraceSpec, type TraceVerdict, type Value } from "tla-ts-bridge"

/** As the trace port tells it; the time and the node do not matter to the spec. */
export interface StoreEvent {
  readonly action: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface StoreRun {
  readonly events: ReadonlyArray<RecordedEvent>
  /** What the constants of Store.tla must allow for. */
  readonly records: number
  readonly crashes: number
}

/** Throws when an event lacks a field or names an offset that no record has: then the port is at fault. */
export const readStoreRun = (trace: ReadonlyArray<StoreEvent>): StoreRun => {
  /** Offsets behind each record of the log as it is, in order. */
  let ends: Array<number> = []
  let starts: Array<number> = []
  let records = 0
  let crashes = 0
  const events: Array<RecordedEvent> = []
  const until = (end: number): number => {
    const count = ends.findIndex((one) => one > end)
    return count < 0 ? ends.length : count
  }
  const placeOf = (offset: number): number => {
    const place = starts.indexOf(offset)
    if (place < 0) throw new Error(`no record at ${offset}`)
    return place + 1
  }
  /** The first recovery from here on: what a crash left. */
  const recovered = (from: number): StoreEvent | undefined =>
    trace.slice(from).find(({ action }) => action === "Recover")

  for (const [index, event] of trace.entries()) {
    const add = (fields: Record<string, Value>): unknown => events.push({ action: event.action, fields })
    switch (event.action) {
      case "Append": {
        const start = number(event, "commitLogOffset")
        starts.push(start)
        ends.push(start + number(event, "sizeBytes"))
        records++
        add({})
        break
      }
      case "Write":
      case "Fsync":
      case "Mark":
      case "Dispatch":
      case "FlushQueue":
      case "Checkpoint":
      case "Reopen":
        add({ n: until(number(event, "commitLogOffsetEnd")) })
        break
      case "Ack":
      case "Rot":
        add({ i: placeOf(number(event, "commitLogOffset")) })
        break
      case "FsyncFails":
      case "Crash": {
        const next = recovered(index)
        const found = {
          mark: next === undefined ? 0 : until(number(next, "markCommitLogOffset")),
          n: next === undefined ? 0 : until(number(next, "commitLogOffsetEnd")),
        }
        if (event.action === "Crash") {
          crashes++
          add({ ...found, power: event.fields["power"] === true })
        } else add({ ...found, synced: until(number(event, "commitLogOffsetEnd")) })
        break
      }
      case "Recover": {
        const n = until(number(event, "commitLogOffsetEnd"))
        const refused = event.fields["refused"] === true
        add({ mark: until(number(event, "markCommitLogOffset")), n, refused })
        if (!refused) {
          starts = starts.slice(0, n)
          ends = ends.slice(0, n)
        }
        break
      }
    }
  }
  return { crashes, events, records }
}

const number = ({ action, fields }: StoreEvent, name: string): number => {
  const value = fields[name]
  if (typeof value !== "number") throw new Error(`${action} has no number ${name}: ${JSON.stringify(fields)}`)
  return value
}

/** What holds a run of the store against Store.tla; its constants are as large as the run. */
export const traceSpec = ({ crashes, records }: StoreRun): TraceSpec => ({
  constants: {
    Bug: '"none"',
    Capacity: String(Math.max(1, records)),
    CrashesMax: String(crashes),
    RecordsMax: String(records),
    RotMax: "0",
  },
  folder: new URL(".", import.meta.url),
  // Idempotent looks at every outcome of a power cut: more than a run of many records can bear.
  invariants: [
    "TypeOK",
    "AckedDurable",
    "DispatchedDurable",
    "RotRefused",
    "MarkBehind",
    "Prefix",
    "Dense",
    "CheckpointBehind",
    "QueueIsFold",
  ],
  module: "StoreTrace",
  variables,
})

/** In the order of `vars` in the module. */
const variables = [
  "phase log written synced page dirty disk mark queue queueDisk dispatched queueSynced checkpoint",
  "acked seen rotten before appended crashes",
].flatMap((names) => names.split(" "))

/** One line for a verdict; a refusal names its event and what the store had durable before it. */
export const shown = (verdict: TraceVerdict): string => {
  switch (verdict._tag) {
    case "Accepted":
      return "Accepted"
    case "Refused": {
      const { action, fields } = verdict.event
      const state = verdict.states[0] ?? {}
      const seen = ["phase", "written", "synced", "mark"].map((name) => `${name} ${printValue(state[name] ?? "?")}`)
      return `Refused: event ${verdict.at} ${action} ${printValue(recordOf(fields))} in ${seen.join(", ")}`
    }
    case "Violated":
      return `Violated ${verdict.invariant}`
    case "Failed":
    case "NoTlc":
      return `${verdict._tag}: ${verdict.reason}`
  }
}
