/**
 * How often things happen on a broker: counters with three windows of samples, as RocketMQ keeps them. A counter is
 * raised by its owner; `sample` is called every 10 s and notes where all of them stand.
 *
 *   minute  up to 7 samples, 10 s apart     hour  up to 7, 10 min apart     day  up to 25, 1 h apart
 *
 * A window tells what was counted between its first and its last sample. Counters are made when first raised and go
 * when they were not raised for a day, or when their number would pass `countersMax`: the ones longest not raised first.
 *
 * Laws (test/model/domain/Statistics.test.ts)
 *   sum      the sum of a window is what was raised since its first sample
 *   windows  no window has more samples than stated
 *   bounded  there are never more than `countersMax` counters
 * Source: behaviour of RocketMQ 5.5.0 (StatsItem, BrokerStatsManager).
 */

/** What is counted, by the names that administrators ask for. The key is a topic, `topic@group`, or the cluster. */
export type Name =
  | "TOPIC_PUT_NUMS"
  | "TOPIC_PUT_SIZE"
  | "GROUP_GET_NUMS"
  | "GROUP_GET_SIZE"
  | "SNDBCK_PUT_NUMS"
  | "DLQ_PUT_NUMS"
  | "BROKER_PUT_NUMS"
  | "BROKER_GET_NUMS"

export const names: ReadonlyArray<Name> = [
  "TOPIC_PUT_NUMS",
  "TOPIC_PUT_SIZE",
  "GROUP_GET_NUMS",
  "GROUP_GET_SIZE",
  "SNDBCK_PUT_NUMS",
  "DLQ_PUT_NUMS",
  "BROKER_PUT_NUMS",
  "BROKER_GET_NUMS",
]

export const isName = (name: string): name is Name => (names as ReadonlyArray<string>).includes(name)

/** Two counters of each of 100,000 topics and groups. */
export const countersMax = 400_000
export const sampleEveryMs = 10_000

interface Sample {
  readonly atMs: number
  readonly value: number
  readonly times: number
}

/** `value` is what was counted, `times` how often something was added to it. */
export interface Counter {
  value: number
  times: number
  /** The last sample that was not the same as the one before. */
  raisedAtMs: number
  readonly minute: Array<Sample>
  readonly hour: Array<Sample>
  readonly day: Array<Sample>
}

export interface Statistics {
  readonly counters: Map<Name, Map<string, Counter>>
  size: number
  /** Calls of `sample` so far. */
  samples: number
}

/** `sum` over a window, per second, and per time that it was raised. */
export interface Window {
  readonly sum: number
  readonly tps: number
  readonly avgpt: number
}

export interface Windows {
  readonly statsMinute: Window
  readonly statsHour: Window
  readonly statsDay: Window
}

export const make = (): Statistics => ({
  counters: new Map(names.map((name) => [name, new Map()])),
  samples: 0,
  size: 0,
})

/** Counts `value` more. */
export const raise = (
  statistics: Statistics,
  name: Name,
  key: string,
  value: number,
  times: number,
  nowMs: number,
): void => {
  const counter = statistics.counters.get(name)!.get(key) ?? add(statistics, name, key, nowMs)
  counter.value += value
  counter.times += times
}

const dayMs = 86_400_000
const samplesPerTenMinutes = 60
const samplesPerHour = 360

/** Notes where all counters stand. Called every `sampleEveryMs`. */
export const sample = (statistics: Statistics, nowMs: number): void => {
  const count = ++statistics.samples
  for (const table of statistics.counters.values()) {
    for (const [key, counter] of table) {
      const last = counter.minute.at(-1)
      if (last === undefined || last.value !== counter.value) counter.raisedAtMs = nowMs
      else if (nowMs - counter.raisedAtMs > dayMs) {
        table.delete(key)
        statistics.size--
        continue
      }
      note(counter.minute, counter, nowMs, sampleEveryMs, 7)
      if (count % samplesPerTenMinutes === 0) note(counter.hour, counter, nowMs, 600_000, 7)
      if (count % samplesPerHour === 0) note(counter.day, counter, nowMs, 3_600_000, 25)
    }
  }
}

export const find = (statistics: Statistics, name: Name, key: string): Windows | undefined => {
  const counter = statistics.counters.get(name)!.get(key)
  if (counter === undefined) return undefined
  const { day, hour, minute } = counter
  return { statsDay: windowOf(day), statsHour: windowOf(hour), statsMinute: windowOf(minute) }
}

/** Per second over the last minute; 0 for what was never counted. */
export const perSecond = (statistics: Statistics, name: Name, key: string): number => {
  const counter = statistics.counters.get(name)!.get(key)
  return counter === undefined ? 0 : windowOf(counter.minute).tps
}

/** What was counted since the start; 0 for what was never counted. */
export const total = (statistics: Statistics, name: Name, key: string): number =>
  statistics.counters.get(name)!.get(key)?.value ?? 0

/** Forgets a deleted topic. */
export const removeTopic = (statistics: Statistics, topic: string): void =>
  removeWhere(statistics, (key) => key === topic || key.startsWith(`${topic}@`))

/** Forgets a deleted group. */
export const removeGroup = (statistics: Statistics, group: string): void =>
  removeWhere(statistics, (key) => key.endsWith(`@${group}`))

const removeWhere = (statistics: Statistics, isGone: (key: string) => boolean): void => {
  for (const table of statistics.counters.values()) {
    for (const key of table.keys()) if (isGone(key) && table.delete(key)) statistics.size--
  }
}

const add = (statistics: Statistics, name: Name, key: string, nowMs: number): Counter => {
  if (statistics.size >= countersMax) dropOldest(statistics)
  const counter: Counter = { day: [], hour: [], minute: [], raisedAtMs: nowMs, times: 0, value: 0 }
  statistics.counters.get(name)!.set(key, counter)
  statistics.size++
  return counter
}

/** Makes room: a sixteenth of all counters go, those longest not raised. */
const dropOldest = (statistics: Statistics): void => {
  const all: Array<readonly [Map<string, Counter>, string, number]> = []
  for (const table of statistics.counters.values())
    for (const [key, counter] of table) all.push([table, key, counter.raisedAtMs])
  all.sort((left, right) => left[2] - right[2])
  for (const [table, key] of all.slice(0, Math.ceil(all.length / 16))) {
    table.delete(key)
    statistics.size--
  }
}

/** The first sample of a window says that nothing was counted one period ago. */
const note = (samples: Array<Sample>, counter: Counter, nowMs: number, everyMs: number, countMax: number): void => {
  if (samples.length === 0) samples.push({ atMs: nowMs - everyMs, times: 0, value: 0 })
  samples.push({ atMs: nowMs, times: counter.times, value: counter.value })
  if (samples.length > countMax) samples.shift()
}

const windowOf = (samples: ReadonlyArray<Sample>): Window => {
  const first = samples[0]
  const last = samples.at(-1)
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return { avgpt: 0, sum: 0, tps: 0 }
  const sum = last.value - first.value
  const times = last.times - first.times
  return { avgpt: times > 0 ? sum / times : 0, sum, tps: (sum * 1000) / (last.atMs - first.atMs) }
}
