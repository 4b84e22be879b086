/**
 * What becomes of messages at a broker, said as simply as it can be said: a queue for each topic, messages that wait for
 * a time or for a decision, groups with progress. Whatever clients may observe of Gantry's broker, they may observe of
 * this; time passes when a test says so.
 *
 *   P1  what was answered is there, whatever crashes
 *   P4  a message that is sent back comes again, counted, or is a dead letter
 *   P6  a half message is seen once it was committed, once, and never when it was rolled back
 *   P7  a delayed message is not seen before its time, and is seen after it, once, while the broker is up
 *   P8  a group's progress is what was committed last
 */

export interface Message {
  /** What tells it from all others. */
  readonly id: number
  readonly attempts: number
}

interface Waiting {
  readonly topic: string
  readonly message: Message
  readonly dueMs: number
  /** Was answered as visible: it is there at the next look, behind those of the topic that were so before it. */
  readonly isAnswered: boolean
}

export interface State {
  readonly nowMs: number
  /** Since when the broker is up. */
  readonly upSinceMs: number
  /** By topic, in the order in which they became visible. */
  readonly visible: ReadonlyMap<string, ReadonlyArray<Message>>
  readonly waiting: ReadonlyArray<Waiting>
  /** Undecided halves: id to topic. */
  readonly halves: ReadonlyMap<number, string>
  /** By `group@topic`. */
  readonly progress: ReadonlyMap<string, number>
}

export const empty: State = {
  halves: new Map(),
  nowMs: 0,
  progress: new Map(),
  upSinceMs: 0,
  visible: new Map(),
  waiting: [],
}

/** RocketMQ's levels, as far as they matter here, from level 1 on. */
export const levelsMs: ReadonlyArray<number> = [1_000, 5_000, 10_000, 30_000, 60_000]
/** How late a delayed message may be by the broker's own doing, ms. */
export const toleranceMs = 1_500

export const visible = (state: State, topic: string): ReadonlyArray<Message> => state.visible.get(topic) ?? []

/** What is delivered on its own at the same moment may come before it or after it. */
const seen = (state: State, topic: string, message: Message): State => ({
  ...state,
  waiting: [...state.waiting, { dueMs: state.nowMs, isAnswered: true, message, topic }],
})

export const sent = (state: State, topic: string, id: number, level = 0): State =>
  level === 0 ? seen(state, topic, { attempts: 0, id }) : waits(state, topic, { attempts: 0, id }, level)

const waits = (state: State, topic: string, message: Message, level: number): State => ({
  ...state,
  waiting: [...state.waiting, { dueMs: state.nowMs + levelsMs[level - 1]!, isAnswered: false, message, topic }],
})

export const halfSent = (state: State, topic: string, id: number): State => ({
  ...state,
  halves: new Map([...state.halves, [id, topic]]),
})

/** A half message is ended; one that has ended already stays as it is. */
export const ended = (state: State, id: number, outcome: "commit" | "rollback"): State => {
  const topic = state.halves.get(id)
  if (topic === undefined) return state
  const halves = new Map(state.halves)
  halves.delete(id)
  const left = { ...state, halves }
  return outcome === "commit" ? seen(left, topic, { attempts: 0, id }) : left
}

/** A group of at most `attemptsMax` retries sends back what it was given. */
export const sentBack = (state: State, group: string, message: Message, attemptsMax: number): State => {
  const again = { ...message, attempts: message.attempts + 1 }
  return message.attempts >= attemptsMax
    ? seen(state, `%DLQ%${group}`, again)
    : waits(state, `%RETRY%${group}`, again, 3 + message.attempts)
}

export const committed = (state: State, group: string, topic: string, offset: number): State => ({
  ...state,
  progress: new Map([...state.progress, [`${group}@${topic}`, offset]]),
})

/** The broker is up again, and must make up for what came due meanwhile. */
export const started = (state: State, nowMs: number): State => ({ ...state, nowMs, upSinceMs: nowMs })

/** Time has passed. What is due now, and for longer than `toleranceMs`, must have become visible: see `delivered`. */
export const elapsed = (state: State, ms: number): State => ({ ...state, nowMs: state.nowMs + ms })

/**
 * Takes over what became visible in a topic since: `found` is what stands in its queue now. Answers why that cannot be,
 * or the state that it means.
 */
export const delivered = (state: State, topic: string, found: ReadonlyArray<Message>): State | string => {
  const before = visible(state, topic)
  const isSame = (left: Message, right: Message): boolean => left.id === right.id && left.attempts === right.attempts
  for (const [i, message] of before.entries())
    if (found[i] === undefined || !isSame(found[i], message))
      return `${topic} has ${print(found[i])} at ${i}, where ${print(message)} was`
  let waiting = state.waiting
  for (const message of found.slice(before.length)) {
    const one = waiting.find((other) => other.topic === topic && isSame(other.message, message))
    if (one === undefined) return `${topic} has ${print(message)}, which nobody sent there, or which came before`
    if (one.isAnswered && one !== waiting.find((other) => other.topic === topic && other.isAnswered))
      return `${topic} has ${print(message)} before others that were answered before it`
    if (one.dueMs > state.nowMs) return `${print(message)} came ${one.dueMs - state.nowMs} ms early`
    waiting = waiting.filter((other) => other !== one)
  }
  const lost = waiting.find((one) => one.topic === topic && one.isAnswered)
  if (lost !== undefined) return `${topic} lacks ${print(lost.message)}, which was answered`
  const late = waiting.find(
    (one) => one.topic === topic && Math.max(one.dueMs, state.upSinceMs) + toleranceMs < state.nowMs,
  )
  if (late !== undefined) return `${print(late.message)} is ${state.nowMs - late.dueMs} ms late`
  return { ...state, visible: new Map([...state.visible, [topic, [...found]]]), waiting }
}

/** The topics in which something is seen, or will be. */
export const topics = (state: State): ReadonlyArray<string> => [
  ...new Set([...state.visible.keys(), ...state.waiting.map(({ topic }) => topic)]),
]

const print = (message: Message | undefined): string =>
  message === undefined ? "nothing" : `message ${message.id} of attempt ${message.attempts}`
