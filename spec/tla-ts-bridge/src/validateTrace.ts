/**
 * Holds a recorded run against a spec: is there a behaviour of the spec whose steps are these events, in this order?
 *
 * The module named in the TraceSpec extends the spec and says what an event means, by two operators: `Matches(e)` is
 * the action that the event `e` reports, and `Between(e)` the steps that nobody reports and that may come before it.
 * An event is a record of TLA+: `e.action` and its fields. TLC then walks along the events; it is breadth-first, and
 * at each event there are few states unless the log lacks a parameter.
 */
import { fileURLToPath } from "node:url"
import { openCache } from "./Cache.ts"
import { bridgeSha256, type CheckOptions, defaultCache, defaultTimeoutMs } from "./checkSpec.ts"
import { errorSeverity, readMessages } from "./Messages.ts"
import { keyOf, readModules } from "./Model.ts"
import { findTlc, jarSha256, runTlc } from "./Tlc.ts"
import { parseValue, printValue, recordOf, type Value } from "./Value.ts"
import { readVerdict, type Violated } from "./Verdict.ts"

export interface TraceSpec {
  readonly folder: URL | string
  /** The module with `Matches` and `Between`. */
  readonly module: string
  /** TLA+ text of every constant, large enough for the run. */
  readonly constants: Readonly<Record<string, string>>
  /** All variables of the spec: what a refusal shows. */
  readonly variables: ReadonlyArray<string>
  /** Checked in every state on the way. */
  readonly invariants: ReadonlyArray<string>
  readonly timeoutMs?: number
}

export interface RecordedEvent {
  readonly action: string
  readonly fields: Readonly<Record<string, Value>>
}

export type TraceVerdict =
  | { readonly _tag: "Accepted"; readonly events: number }
  /** No behaviour gets past `event`, the one at index `at`; `states` are all that are possible before it. */
  | {
      readonly _tag: "Refused"
      readonly at: number
      readonly event: RecordedEvent
      readonly states: ReadonlyArray<Readonly<Record<string, Value>>>
    }
  /** The run is one of the spec, and breaks a promise: the spec allows too much. */
  | Violated
  | { readonly _tag: "Failed"; readonly reason: string }
  | { readonly _tag: "NoTlc"; readonly reason: string }

/** Name of the generated module; `position` is its own variable, the index of the next event. */
const module = "RecordedTrace"

export const validateTrace = async (
  spec: TraceSpec,
  events: ReadonlyArray<RecordedEvent>,
  options: CheckOptions = {},
): Promise<TraceVerdict> => {
  const folder = typeof spec.folder === "string" ? spec.folder : fileURLToPath(spec.folder)
  const files = new Map([...readModules(folder, spec.module), [`${module}.tla`, traceModule(spec, events)]])
  const config = traceConfig(spec)
  const tlc = options.tlc ?? findTlc()
  if (tlc._tag === "NoTlc") return tlc
  const cache = openCache(options.cache ?? defaultCache)
  const key = keyOf({ config, files, properties: [] }, [jarSha256, bridgeSha256(), module])
  const known = cache.get(key)
  if (known !== undefined) return known as TraceVerdict
  const timeoutMs = spec.timeoutMs ?? defaultTimeoutMs
  const ran = await cache.alone(() => runTlc(tlc, { config, files, module, timeoutMs }))
  if (ran.exitCode === undefined) return { _tag: "Failed", reason: `not done after ${timeoutMs} ms` }
  const verdict = readTrace(ran.output, ran.printed, events)
  if (verdict._tag !== "Failed") cache.put(key, verdict)
  return verdict
}

/** The module that TLC runs: the events as one constant, and the walk along them. */
export const traceModule = (
  { module: extended, variables }: Pick<TraceSpec, "module" | "variables">,
  events: ReadonlyArray<RecordedEvent>,
): string => {
  const literals = events.map(({ action, fields }) => printValue(recordOf({ action, ...fields })))
  const state = variables.map((name) => `${name} |-> ${name}`).join(", ")
  return [
    `---- MODULE ${module} ----`,
    `EXTENDS ${extended}, TLC`,
    "VARIABLE position",
    `Events == <<${literals.join(",\n  ")}>>`,
    `Last == ${events.length}`,
    "TraceInit == position = 1 /\\ Init",
    "Reported == position <= Last /\\ Matches(Events[position]) /\\ position' = position + 1",
    "Unreported == position <= Last /\\ Between(Events[position]) /\\ position' = position",
    "TraceNext == Reported \\/ Unreported",
    // The furthest position so far is in register 1: TLC reports each state that gets there, and stops behind the last.
    "Report == IF position < TLCGet(1) THEN TRUE",
    `          ELSE /\\ PrintT(ToString(<<position, [${state}]>>))`,
    "               /\\ TLCSet(1, position)",
    '               /\\ IF position = Last + 1 THEN TLCSet("exit", TRUE) ELSE TRUE',
    "ASSUME TLCSet(1, 0)",
    "====",
    "",
  ].join("\n")
}

const traceConfig = ({ constants, invariants }: TraceSpec): string =>
  [
    "INIT TraceInit",
    "NEXT TraceNext",
    "CONSTANTS",
    ...Object.entries(constants).map(([name, text]) => `  ${name} = ${text}`),
    ...(invariants.length === 0 ? [] : [`INVARIANTS ${invariants.join(" ")}`]),
    "CONSTRAINT Report",
    "CHECK_DEADLOCK FALSE",
    "",
  ].join("\n")

/** Judges by the reported positions: TLC ends well whether or not it got past the last event. */
export const readTrace = (output: string, printed: string, events: ReadonlyArray<RecordedEvent>): TraceVerdict => {
  if (readMessages(output).messages.some((message) => message.severity === errorSeverity)) {
    const verdict = readVerdict(output, [])
    if (verdict._tag === "Violated" || verdict._tag === "Failed") return verdict
    return { _tag: "Failed", reason: `TLC says ${verdict._tag} of a trace` }
  }
  let furthest = 0
  let states: Array<Readonly<Record<string, Value>>> = []
  for (const line of printed.split("\n")) {
    const report = readReport(line)
    if (report === undefined || report.position < furthest) continue
    if (report.position > furthest) states = []
    furthest = report.position
    states.push(report.state)
  }
  if (furthest === 0) return { _tag: "Failed", reason: "TLC did not reach the first event" }
  if (furthest === events.length + 1) return { _tag: "Accepted", events: events.length }
  const at = furthest - 1
  const event = events[at]
  if (event === undefined) return { _tag: "Failed", reason: `TLC reports an event ${furthest} that is not there` }
  return { _tag: "Refused", at, event, states }
}

/** PrintT writes a string as a literal of TLA+, which reads as JSON; in it is `<<position, [state]>>`. */
const readReport = (line: string): { position: number; state: Readonly<Record<string, Value>> } | undefined => {
  if (!line.startsWith('"<<')) return undefined
  const report = parseValue(JSON.parse(line) as string)
  if (typeof report !== "object" || report._tag !== "Seq") return undefined
  const [position, state] = report.items
  return typeof position === "number" && typeof state === "object" && state._tag === "Record"
    ? { position, state: state.fields }
    : undefined
}
