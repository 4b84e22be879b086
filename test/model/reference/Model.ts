/**
 * What a broker is, said as simply as it can be said: topics of queues, queues of messages, groups with an offset for
 * each queue. Small, obvious, slow. Whatever a client may observe of Gantry, it may observe of this model.
 *
 * A state is a log of messages in the order in which they were stored. The first `deleted` of them are gone by
 * retention, the first `readable` can be read, the others are on their way to the disk and may still be lost.
 *
 *   P1  `crashed` refuses to lose a message that was readable
 *   P2  a message's queue offset is the number of messages of its queue before it, whatever became of those
 *   P8  a group's offset is the one that was committed last
 */

export interface Message {
  readonly topic: string
  readonly queueId: number
  readonly body: string
  /** Under each of them the message can be found. */
  readonly keys: ReadonlyArray<string>
  readonly tag: string | undefined
}

export interface Stored extends Message {
  readonly queueOffset: number
}

export interface State {
  readonly log: ReadonlyArray<Stored>
  readonly readable: number
  readonly deleted: number
  /** By `group@topic@queueId`, the next queue offset to consume. */
  readonly committed: ReadonlyMap<string, number>
}

export const empty: State = { committed: new Map(), deleted: 0, log: [], readable: 0 }

/** The queue offset that the next message of a queue gets. */
export const nextOffset = (state: State, topic: string, queueId: number): number =>
  state.log.filter(isOf(topic, queueId)).length

/** A message is stored, and not yet readable. */
export const put = (state: State, message: Message): State => ({
  ...state,
  log: [...state.log, { ...message, queueOffset: nextOffset(state, message.topic, message.queueId) }],
})

/** The first `count` messages of the log are durable: they can be read. */
export const becameReadable = (state: State, count: number): State => ({ ...state, readable: count })

/** After a crash the first `survivors` messages of the log are left. Undefined when that breaks a promise (P1). */
export const crashed = (state: State, survivors: number): State | undefined =>
  survivors < state.readable || survivors > state.log.length
    ? undefined
    : { ...state, log: state.log.slice(0, survivors), readable: survivors }

/** Retention deletes the first `count` messages of the log. */
export const deleted = (state: State, count: number): State => ({ ...state, deleted: Math.max(state.deleted, count) })

export interface Queue {
  /** Queue offset of the oldest message that is still there, and one past the newest that can be read. */
  readonly minOffset: number
  readonly maxOffset: number
  /** The readable messages, the oldest first; the first one is at `minOffset`. */
  readonly messages: ReadonlyArray<Stored>
}

export const queue = (state: State, topic: string, queueId: number): Queue => {
  const messages = state.log.slice(state.deleted, state.readable).filter(isOf(topic, queueId))
  const maxOffset = state.log.slice(0, state.readable).filter(isOf(topic, queueId)).length
  return { maxOffset, messages, minOffset: maxOffset - messages.length }
}

/** Every queue that ever had a message. */
export const queues = (state: State): ReadonlyArray<readonly [topic: string, queueId: number]> => {
  const names = new Map(state.log.map(({ queueId, topic }) => [`${topic}@${queueId}`, [topic, queueId] as const]))
  return [...names.values()]
}

export type Status =
  | "FOUND"
  | "NO_MATCHED_MESSAGE"
  | "NO_MESSAGE_IN_QUEUE"
  | "OFFSET_TOO_SMALL"
  | "OFFSET_OVERFLOW_ONE"
  | "OFFSET_OVERFLOW_BADLY"

/** What a read of a queue comes to, as RocketMQ 5.5.0 names it, and where the next one has to go on. */
export interface Read {
  readonly status: Status
  /** For `FOUND` and `NO_MATCHED_MESSAGE`: the broker may go less far, not further. */
  readonly nextOffset: number
  /** What may be answered: a part from the front, and at least one of them. */
  readonly messages: ReadonlyArray<Stored>
}

const nothing = (status: Status, nextOffset: number): Read => ({ messages: [], nextOffset, status })

/** Reads a queue from `queueOffset` on; `tag` undefined takes all. */
export const read = (state: State, topic: string, queueId: number, queueOffset: number, tag?: string): Read => {
  const { maxOffset, messages, minOffset } = queue(state, topic, queueId)
  if (maxOffset === 0) return nothing("NO_MESSAGE_IN_QUEUE", 0)
  if (queueOffset < minOffset) return nothing("OFFSET_TOO_SMALL", minOffset)
  if (queueOffset === maxOffset) return nothing("OFFSET_OVERFLOW_ONE", maxOffset)
  if (queueOffset > maxOffset) return nothing("OFFSET_OVERFLOW_BADLY", maxOffset)
  const wanted = messages.filter((one) => one.queueOffset >= queueOffset && (tag === undefined || one.tag === tag))
  return wanted.length === 0
    ? nothing("NO_MATCHED_MESSAGE", maxOffset)
    : { messages: wanted, nextOffset: maxOffset, status: "FOUND" }
}

/** The readable messages of a topic that carry a key, in the order of the log. */
export const find = (state: State, topic: string, key: string): ReadonlyArray<Stored> =>
  state.log.slice(state.deleted, state.readable).filter((one) => one.topic === topic && one.keys.includes(key))

/** A group has consumed a queue up to `queueOffset`; it may also go back. */
export const commit = (state: State, group: string, topic: string, queueId: number, queueOffset: number): State => ({
  ...state,
  committed: new Map([...state.committed, [`${group}@${topic}@${queueId}`, queueOffset]]),
})

export const committed = (state: State, group: string, topic: string, queueId: number): number | undefined =>
  state.committed.get(`${group}@${topic}@${queueId}`)

const isOf =
  (topic: string, queueId: number) =>
  (message: Message): boolean =>
    message.topic === topic && message.queueId === queueId
