/**
 * Op messages: what tells which half messages are settled, in `RMQ_SYS_TRANS_OP_HALF_TOPIC` with tag `d`. The body lists
 * queue offsets of the half queue, each followed by a comma. Ends are gathered: a commit is a fact without them, a
 * rollback is one only when its op message is durable (P6).
 *
 * Laws (test/model/domain/OpMessage.test.ts)
 *   round-trip  `parse` of what `take` prints gives what was added, in order, each once
 *   bounded     no body is longer than its maximum and one offset
 *   progress    every op message below `progress` tells of settled halves only that lie below the half queue's progress
 * Source: behaviour of RocketMQ 5.5.0 (TransactionalMessageServiceImpl, MessageQueueOpContext).
 */

/** The tag that says: these halves are settled. */
export const removeTag = "d"

export const separator = ","

/** Settled halves of which no op message tells yet. */
export interface OpBuffer {
  offsets: Array<number>
  /** Characters of the body that they make. */
  sizeChars: number
}

export const makeBuffer = (): OpBuffer => ({ offsets: [], sizeChars: 0 })

export const add = (buffer: OpBuffer, halfQueueOffset: number): void => {
  buffer.offsets.push(halfQueueOffset)
  buffer.sizeChars += sizeOf(halfQueueOffset)
}

/** Whether the buffer makes a full message. */
export const isFull = (buffer: OpBuffer, sizeCharsMax: number): boolean => buffer.sizeChars > sizeCharsMax

/**
 * Takes a body out of the buffer: `more`, if given, first, and then as much as fits, of which the last may go beyond.
 * Undefined when there is nothing to tell.
 */
export const take = (buffer: OpBuffer, sizeCharsMax: number, more = ""): string | undefined => {
  let body = more
  let count = 0
  while (count < buffer.offsets.length && body.length < sizeCharsMax) body += `${buffer.offsets[count++]}${separator}`
  if (body === "") return undefined
  buffer.offsets = buffer.offsets.slice(count)
  buffer.sizeChars -= body.length - more.length
  return body
}

/** The queue offsets that a body lists; what is none is passed over. Before 5.x a body was one offset and no comma. */
export const parse = (body: string): ReadonlyArray<number> =>
  body.split(separator).flatMap((text) => (/^[0-9]{1,15}$/.test(text) ? [Number(text)] : []))

const sizeOf = (offset: number): number => String(offset).length + separator.length

/** By queue offset of an op message, the highest half that it tells of. */
export type Ops = Map<number, number>

/** Notes an op message that is in the log. */
export const noted = (ops: Ops, queueOffset: number, halves: ReadonlyArray<number>): void => {
  ops.set(
    queueOffset,
    halves.reduce((highest, half) => Math.max(highest, half), -1),
  )
}

/** Passes the op messages from `from` on that nobody needs any more, now that halves below `halfProgress` are settled. */
export const progress = (ops: Ops, from: number, halfProgress: number): number => {
  const next = contiguous((queueOffset) => (ops.get(queueOffset) ?? halfProgress) < halfProgress, from)
  for (let queueOffset = from; queueOffset < next; queueOffset++) ops.delete(queueOffset)
  return next
}

/** The first from `from` on that is not done. RocketMQ's `calculateOpOffset`. */
export const contiguous = (isDone: (queueOffset: number) => boolean, from: number): number => {
  let at = from
  while (isDone(at)) at++
  return at
}
