/**
 * The verdict of one TLC run, read from its messages and nothing else: an exit code 0 proves nothing by itself.
 *
 *   whole      a run counts as passed only if TLC says that the search is complete
 *   covered    a model in which some action is never taken fails: it proves nothing about that action
 */
import { errorSeverity, type Message, MessageCode, readMessages } from "./Messages.ts"
import { parseValue, type Value } from "./Value.ts"

/** One state of a counterexample, and the action that led to it; the first has none. */
export interface Step {
  readonly action: string | undefined
  readonly state: Readonly<Record<string, Value>>
}

/** How often an action was taken, and how often it led to a new state. */
export interface Taken {
  readonly transitions: number
  readonly states: number
}

export interface Explored {
  /** Successors computed, those already known included. */
  readonly transitions: number
  /** Different states found. */
  readonly states: number
  readonly depth: number
  /** By action; one that TLC could not name has its place in the module: `Next (12 6 12 30)`. */
  readonly coverage: Readonly<Record<string, Taken>>
}

export interface Violated extends Explored {
  readonly _tag: "Violated"
  /** Name of the invariant or action property; of a property of liveness if the model has only one. */
  readonly invariant: string
  readonly trace: ReadonlyArray<Step>
  /** Only for liveness: where the behaviour goes on for ever: the index of a state in `trace`, or no step at all. */
  readonly loop: number | "stuttering" | undefined
}

export type CheckResult =
  | ({ readonly _tag: "Passed" } & Explored)
  | Violated
  | ({ readonly _tag: "Deadlocked"; readonly trace: ReadonlyArray<Step> } & Explored)
  | { readonly _tag: "Failed"; readonly reason: string }
  | { readonly _tag: "NoTlc"; readonly reason: string }

/** Reads the whole output of a run. `properties` are the names behind PROPERTY in its configuration. */
export const readVerdict = (output: string, properties: ReadonlyArray<string>): CheckResult => {
  const { messages, rest } = readMessages(output)
  const explored = readExplored(messages)
  const error = messages.find((message) => message.severity === errorSeverity)
  if (error === undefined) {
    if (!messages.some((message) => message.code === MessageCode.SUCCESS))
      return failed(`TLC ended before its search was complete${rest === "" ? "" : `: ${tail(rest)}`}`)
    const idle = Object.keys(explored.coverage).filter((action) => explored.coverage[action]?.transitions === 0)
    if (idle.length > 0) return failed(`never taken: ${idle.join(", ")}`)
    return { _tag: "Passed", ...explored }
  }
  const violated = (invariant: string): CheckResult => ({
    _tag: "Violated",
    ...explored,
    invariant,
    loop: readLoop(messages),
    trace: readTrace(messages),
  })
  switch (error.code) {
    case MessageCode.DEADLOCK:
      return { _tag: "Deadlocked", ...explored, trace: readTrace(messages) }
    case MessageCode.INVARIANT_VIOLATED:
    case MessageCode.ACTION_PROPERTY_VIOLATED:
      return violated(/(?:Invariant|property) (\S+) is violated/.exec(error.text)?.[1] ?? error.text)
    case MessageCode.INVARIANT_VIOLATED_INITIALLY: {
      const [, name, state] = /Invariant (\S+) is violated by the initial state:\n([^]*)/.exec(error.text) ?? []
      if (name === undefined || state === undefined) return failed(error.text)
      return { _tag: "Violated", ...explored, invariant: name, loop: undefined, trace: [initialStep(state)] }
    }
    case MessageCode.TEMPORAL_VIOLATED:
      return violated(properties.length === 1 && properties[0] !== undefined ? properties[0] : properties.join(" or "))
    default:
      return failed([...messages.filter((m) => m.severity === errorSeverity).map((m) => m.text), tail(rest)].join("\n"))
  }
}

const failed = (reason: string): CheckResult => ({ _tag: "Failed", reason: reason.trim() })

/** The end of what the parser said: its errors come last. */
const tail = (text: string): string =>
  text
    .split("\n")
    .filter((line) => line !== "" && !/^(?:Parsing file|Semantic processing of)/.test(line))
    .slice(-12)
    .join("\n")

const count = (text: string | undefined): number => Number((text ?? "0").replaceAll(",", ""))

const readExplored = (messages: ReadonlyArray<Message>): Explored => {
  const states = messages.findLast((message) => message.code === MessageCode.STATES)?.text ?? ""
  const depth = messages.findLast((message) => message.code === MessageCode.DEPTH)?.text ?? ""
  // A long run prints its coverage many times: the last one counts.
  const from = messages.findLastIndex((message) => message.code === MessageCode.COVERAGE_START)
  const coverage: Record<string, Taken> = {}
  for (const { code, text } of messages.slice(from + 1)) {
    const line = /^<(\S+) line .*? of module \S+?( \([\d ]+\))?>: ([\d,]+):([\d,]+)$/.exec(text)
    if (code !== MessageCode.COVERAGE_ACTION || line === null) continue
    const action = `${line[1]}${line[2] ?? ""}`
    const before = coverage[action] ?? { states: 0, transitions: 0 }
    coverage[action] = {
      states: before.states + count(line[3]),
      transitions: before.transitions + count(line[4]),
    }
  }
  return {
    coverage,
    depth: count(/search is ([\d,]+)/.exec(depth)?.[1]),
    states: count(/([\d,]+) distinct states/.exec(states)?.[1]),
    transitions: count(/([\d,]+) states generated/.exec(states)?.[1]),
  }
}

const readTrace = (messages: ReadonlyArray<Message>): Array<Step> =>
  messages
    .filter((message) => message.code === MessageCode.STATE)
    .map(({ text }) => {
      const [head = "", ...lines] = text.split("\n")
      const action = /^\d+: <(\S+) line/.exec(head)?.[1]
      return { action, state: readState(lines.join("\n")) }
    })

const initialStep = (text: string): Step => ({ action: undefined, state: readState(text) })

const readLoop = (messages: ReadonlyArray<Message>): number | "stuttering" | undefined => {
  if (messages.some((message) => message.code === MessageCode.STUTTERING)) return "stuttering"
  const back = messages.find((message) => message.code === MessageCode.BACK_TO_STATE)
  const state = /^(\d+)/.exec(back?.text ?? "")?.[1]
  return state === undefined ? undefined : Number(state) - 1
}

/** `/\ name = value` a variable, long values over several lines; a spec of one variable has no `/\`. */
export const readState = (text: string): Record<string, Value> => {
  const state: Record<string, Value> = {}
  for (const conjunct of text.trim().split(/^\/\\ /m)) {
    const equation = /^(\w+) = ([^]*)$/.exec(conjunct.trim())
    if (equation?.[1] !== undefined && equation[2] !== undefined) state[equation[1]] = parseValue(equation[2])
  }
  return state
}
