/**
 * What becomes of messages that wait and of messages that fail, said as simply as it can be said: each message is in the
 * topic, waits for a time, comes again in its group's retry topic, or is a dead letter. Small, obvious, slow.
 *
 *   P4  a copy that is given back waits for its next attempt or is a dead letter; no copy is lost, and attempts are counted
 *   P7  what waits is delivered when its time has come and not before, whatever table of levels came into force since
 */

/** One copy of a message: the message itself, or what a failure made of it. */
export interface Copy {
  readonly name: string
  /** Attempts that have failed before. */
  readonly attempts: number
  readonly place: "Topic" | "Retry" | "DeadLetter"
}

/** A copy that waits until `dueMs` to come to its place. */
export interface Waiting extends Copy {
  readonly dueMs: number
}

export interface State {
  /** Delays by level, ms. */
  readonly levels: ReadonlyArray<number>
  readonly attemptsMax: number
  readonly arrived: ReadonlyArray<Copy>
  readonly waiting: ReadonlyArray<Waiting>
}

export const empty = (levels: ReadonlyArray<number>, attemptsMax: number): State => ({
  arrived: [],
  attemptsMax,
  levels,
  waiting: [],
})

/** A message is stored at `nowMs`; level 0 is for at once. */
export const sent = (state: State, name: string, level: number, nowMs: number): State =>
  placed(state, { attempts: 0, name, place: "Topic" }, level, nowMs)

/** The group gives an arrived copy back; level 0 leaves the wait to the broker, a negative one gives it up. */
export const givenBack = (state: State, copy: Copy, level: number, nowMs: number): State => {
  const attempts = copy.attempts + 1
  return copy.attempts >= state.attemptsMax || level < 0
    ? placed(state, { ...copy, attempts, place: "DeadLetter" }, 0, nowMs)
    : placed(state, { ...copy, attempts, place: "Retry" }, level === 0 ? 3 + copy.attempts : level, nowMs)
}

const placed = (state: State, copy: Copy, level: number, nowMs: number): State => {
  if (level === 0) return { ...state, arrived: [...state.arrived, copy] }
  const dueMs = nowMs + state.levels[Math.min(level, state.levels.length) - 1]!
  return { ...state, waiting: [...state.waiting, { ...copy, dueMs }] }
}

/** From now on other levels count; what waits already keeps its time. */
export const otherLevels = (state: State, levels: ReadonlyArray<number>): State => ({ ...state, levels })

/** It is `nowMs`: what is due has arrived. */
export const passed = (state: State, nowMs: number): State => ({
  ...state,
  arrived: [...state.arrived, ...state.waiting.filter(({ dueMs }) => dueMs <= nowMs).map(copyOf)],
  waiting: state.waiting.filter(({ dueMs }) => dueMs > nowMs),
})

const copyOf = ({ attempts, name, place }: Waiting): Copy => ({ attempts, name, place })
