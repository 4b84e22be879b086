/**
 * Turns the trace of a simulated cluster (spec/README.md), as one topic of one group sees it, into events of
 * RebalanceTrace.tla: members are numbered by the order of their ids, queues and messages from 1.
 *
 * Nobody reports that progress is on its way: it is put in as soon as there is some, because it may travel from then on
 * (Tell). Left out is what is no step of the spec: a list that has not changed, an offset that is the group's already.
 */
import { printValue, type RecordedEvent, setOf, type TraceSpec, type Value } from "tla-ts-bridge"

/** As the trace port tells it. */
export interface RebalanceEvent {
  readonly action: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface RebalanceView {
  readonly group: string
  readonly topic: string
  readonly queues: number
  /** Messages in the fullest queue. */
  readonly length: number
}

export interface RebalanceRun {
  readonly events: ReadonlyArray<RecordedEvent>
  readonly clients: number
  readonly changes: number
  readonly restarts: number
  readonly view: RebalanceView
}

/** What a member has of a queue, as the spec sees it. */
interface Held {
  next: number
  readonly hand: Set<number>
}

/** Throws when an event lacks a field: then the port is at fault. */
export const readRebalanceRun = (trace: ReadonlyArray<RebalanceEvent>, view: RebalanceView): RebalanceRun => {
  const mine = trace.filter(
    ({ action, fields }) =>
      action === "Restart" ||
      (told.has(action) && fields["group"] === view.group && (fields["topic"] ?? view.topic) === view.topic),
  )
  const ids = [
    ...new Set(mine.flatMap(({ fields }) => (typeof fields["clientId"] === "string" ? [fields["clientId"]] : []))),
  ]
  const numbers = new Map(
    ids
      .filter((id) => id !== "")
      .toSorted()
      .map((id, index) => [id, index + 1]),
  )
  const events: Array<RecordedEvent> = []
  const add = (action: string, fields: Readonly<Record<string, Value>> = {}): void =>
    void events.push({ action, fields })
  const held = new Map<string, Held>()
  const news = new Map<string, number>()
  const offsets = new Map<number, number>()
  const views = new Map<number, string>()
  let heard = new Set<number>()
  let changes = 0
  let restarts = 0
  const low = ({ hand, next }: Held): number => (hand.size === 0 ? next : Math.min(...hand)) - 1
  const listOf = (event: RebalanceEvent): ReadonlyArray<number> =>
    (event.fields["clientIds"] as ReadonlyArray<string>).map((id) => numbers.get(id)!).toSorted((a, b) => a - b)
  const gone = (c: number, isTold: boolean): void => {
    for (let q = 1; q <= view.queues; q++) {
      const queue = held.get(`${c} ${q}`)
      if (queue !== undefined && isTold) news.set(`${c} ${q}`, low(queue))
      held.delete(`${c} ${q}`)
    }
    views.delete(c)
    changes++
  }
  for (const event of mine) {
    if (event.action === "Restart") {
      heard = new Set()
      restarts++
      add("Restart")
      continue
    }
    if (event.action === "Members") {
      const now = listOf(event)
      for (const c of heard) if (!now.includes(c)) add("Forget", { c })
      for (const c of now) if (!heard.has(c)) add("Beat", { c })
      heard = new Set(now)
      continue
    }
    const c = numbers.get(text(event, "clientId"))
    // An administrator's commit would be nobody's.
    if (c === undefined) throw new Error(`${event.action} of nobody: ${JSON.stringify(event.fields)}`)
    if (event.action === "Join") changes++
    if (event.action === "Leave" || event.action === "Crash") gone(c, event.action === "Leave")
    if (event.action === "Join" || event.action === "Leave" || event.action === "Crash") {
      add(event.action, { c })
      continue
    }
    if (event.action === "SeeMembers") {
      const list = listOf(event)
      if (views.get(c) !== list.join()) add("SeeMembers", { c, list: setOf(list) })
      views.set(c, list.join())
      continue
    }
    const q = number(event, "queueId") + 1
    const key = `${c} ${q}`
    const queue = held.get(key)
    switch (event.action) {
      case "Take":
        held.set(key, { hand: new Set(), next: number(event, "queueOffset") + 1 })
        add("Take", { at: number(event, "queueOffset"), c, q })
        break
      case "Drop":
        if (queue !== undefined) news.set(key, low(queue))
        held.delete(key)
        add("Drop", { c, q })
        break
      case "Arrive":
        add("Pull", { c, m: number(event, "queueOffset") + 1, q })
        queue?.hand.add(queue.next++)
        break
      case "Done": {
        add("Done", { c, m: number(event, "queueOffset") + 1, q })
        if (queue === undefined) break
        queue.hand.delete(number(event, "queueOffset") + 1)
        if (low(queue) === (offsets.get(q) ?? 0) || news.get(key) === low(queue)) break
        news.set(key, low(queue))
        add("Tell", { c, q })
        break
      }
      case "CommitOffset": {
        const m = number(event, "queueOffset")
        if (m === (offsets.get(q) ?? 0)) break
        offsets.set(q, m)
        add("CommitOffset", { c, m, q })
        break
      }
    }
  }
  return { changes, clients: numbers.size, events, restarts, view }
}

/** Other events of the same group are those of other specs. */
const told = new Set("Join Leave Crash Members SeeMembers Take Drop Arrive Done CommitOffset".split(" "))

const number = ({ action, fields }: RebalanceEvent, name: string): number => {
  const value = fields[name]
  if (typeof value !== "number") throw new Error(`${action} has no number ${name}: ${JSON.stringify(fields)}`)
  return value
}

const text = ({ action, fields }: RebalanceEvent, name: string): string => {
  const value = fields[name]
  if (typeof value !== "string") throw new Error(`${action} has no text ${name}: ${JSON.stringify(fields)}`)
  return value
}

/** What holds a run against Rebalance.tla; its constants are as large as the run. */
export const traceSpec = ({ changes, clients, restarts, view }: RebalanceRun): TraceSpec => ({
  constants: {
    Bug: '"none"',
    ChangesMax: String(changes),
    Clients: printValue(setOf(Array.from({ length: clients }, (_, index) => index + 1))),
    IsRestless: "TRUE",
    Length: String(view.length),
    QueueNums: String(view.queues),
    RestartsMax: String(restarts),
  },
  folder: new URL(".", import.meta.url),
  invariants: ["TypeOK", "NoLoss", "Agreement"],
  module: "RebalanceTrace",
  variables: "members heard view next hand news offset done changes restarts".split(" "),
})
