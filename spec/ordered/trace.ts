/**
 * Turns the trace of a simulated cluster (spec/README.md), as one queue of one ordered group sees it, into events of
 * OrderedTrace.tla: messages are counted from 1, members and grants are named as they come, and time passes between
 * events.
 *
 * Left out is what is no step of the spec: a view that has not changed, a progress that is the group's already, and one
 * that the broker refused.
 */
import { printValue, type RecordedEvent, setOf, type TraceSpec, type Value } from "tla-ts-bridge"

/** As the trace port tells it. */
export interface OrderedEvent {
  readonly action: string
  readonly atMs: number
  readonly fields: Readonly<Record<string, unknown>>
}

export interface OrderedView {
  readonly group: string
  readonly topic: string
  readonly queueId: number
  /** Messages in the queue. */
  readonly last: number
}

export interface OrderedRun {
  readonly events: ReadonlyArray<RecordedEvent>
  readonly clients: ReadonlyArray<string>
  readonly last: number
  readonly grants: number
}

/** What the SDK and the broker believe in, ms. */
const brokerLeaseMs = 60_000
const clientLeaseMs = 30_000

/** Throws when an event lacks a field: then the port is at fault. */
export const readOrderedRun = (trace: ReadonlyArray<OrderedEvent>, view: OrderedView): OrderedRun => {
  const events: Array<RecordedEvent> = []
  const mine = trace.filter(
    ({ action, fields }) => action === "Restart" || action === "Crash" || (told.has(action) && isOf(fields, view)),
  )
  const clients = [
    ...new Set(mine.flatMap(({ fields }) => (typeof fields["clientId"] === "string" ? [fields["clientId"]] : []))),
  ]
  const names = new Map(clients.map((clientId, index) => [clientId, `c${index + 1}`]))
  const numbers = new Map<number, number>()
  const sees = new Map<string, boolean>()
  let assigned = "c1"
  let offset = 0
  let atMs = mine[0]?.atMs ?? 0
  const add = (action: string, fields: Readonly<Record<string, Value>> = {}): void =>
    void events.push({ action, fields })
  for (const event of mine) {
    const n = Math.round(event.atMs) - Math.round(atMs)
    if (n > 0) add("Tick", { n })
    if (n > 0) ({ atMs } = event)
    if (event.action === "Restart") {
      add("Restart")
      continue
    }
    const c = names.get(text(event, "clientId"))!
    switch (event.action) {
      case "See": {
        const isOwn = event.fields["isOwn"] === true
        if (isOwn !== (assigned === c)) {
          assigned = isOwn ? c : [...names.values()].find((other) => other !== c)!
          add("Rebalance", { c: assigned })
        }
        if ((sees.get(c) ?? false) === isOwn) break
        sees.set(c, isOwn)
        add("See", { c })
        break
      }
      case "Lock": {
        const token = number(event, "grant")
        if (!numbers.has(token)) numbers.set(token, numbers.size + 1)
        add("Lock", { c, grant: numbers.get(token)! })
        break
      }
      case "Learn":
        add("Learn", { c, n: Math.floor(number(event, "leaseMs")) })
        break
      case "Enter":
      case "Start":
      case "Finish":
      case "Fail":
        add(event.action, { c, m: number(event, "queueOffset") + 1 })
        break
      case "Commit": {
        const m = number(event, "queueOffset")
        if (event.fields["isTaken"] !== true || m === offset) break
        offset = m
        add("Commit", { c, m })
        break
      }
      case "LetGo":
        add("Unlock", { c })
        break
      case "Unlock":
        add("Release", { c })
        break
      case "Crash":
        if (assigned === c) assigned = [...names.values()].find((other) => other !== c)!
        sees.set(c, false)
        add("Crash", { c })
        break
    }
  }
  return { clients: [...names.values()], events, grants: numbers.size, last: view.last }
}

/** Other events of the same queue are those of other specs. */
const told = new Set("See Lock Learn Enter Start Finish Fail Commit LetGo Unlock".split(" "))

const isOf = (fields: OrderedEvent["fields"], { group, queueId, topic }: OrderedView): boolean =>
  fields["group"] === group && fields["topic"] === topic && fields["queueId"] === queueId

const number = ({ action, fields }: OrderedEvent, name: string): number => {
  const value = fields[name]
  if (typeof value !== "number") throw new Error(`${action} has no number ${name}: ${JSON.stringify(fields)}`)
  return value
}

const text = ({ action, fields }: OrderedEvent, name: string): string => {
  const value = fields[name]
  if (typeof value !== "string") throw new Error(`${action} has no text ${name}: ${JSON.stringify(fields)}`)
  return value
}

/** What holds a run of Gantry's consumers against Ordered.tla; its constants are as large as the run. */
export const traceSpec = ({ clients, events, grants, last }: OrderedRun): TraceSpec => ({
  constants: {
    BrokerLease: String(brokerLeaseMs),
    Bug: '"none"',
    ClientLease: String(clientLeaseMs),
    Clients: printValue(setOf(clients)),
    CrashesMax: String(clients.length),
    Fence: '"grant"',
    First: '"c1"',
    GrantsMax: String(grants),
    IsFresh: "TRUE",
    IsRestless: "TRUE",
    Length: String(last),
    Memory: String(brokerLeaseMs),
    RebalancesMax: String(events.length),
    RestartsMax: String(events.length),
  },
  folder: new URL(".", import.meta.url),
  invariants: ["TypeOK", "InOrder", "OneStarter", "NotOvertaken", "ByGrant", "Covered"],
  module: "OrderedTrace",
  variables: (
    "owner left memory grant quiet isOrdered offset assigned sees answer belief under next hand handUnder news " +
    "newsUnder dead started settled early overtaken stale rebalances crashes restarts"
  ).split(" "),
})
