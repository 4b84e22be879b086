/**
 * Flow control: who slows down, or turns away, when more comes than goes.
 *
 *   a broker      stops reading sockets when half of its write buffer waits for the disk; refuses messages (SYSTEM_BUSY)
 *                 while the oldest put waits too long, so that producers go to another broker; refuses them
 *                 (SERVICE_NOT_AVAILABLE) when the disk is full: see `Retention`
 *   a producer    keeps so many messages and bytes under way; the next one waits in line
 *   a consumer    does not pull a queue of which it holds too many messages, too many bytes, or too wide a span
 *
 * Laws (test/model/domain/FlowControl.test.ts)
 *   busy      a broker is busy exactly while its oldest put waits longer than it may
 *   lone      a message that is larger than all room goes when nothing else is under way
 *   bounded   with room for one more, the bounds hold after it, but for a lone message
 *   full      a queue within all bounds is pulled, one beyond any of them is not
 * Source: behaviour of RocketMQ 5.5.0 (BrokerFastFailure, DefaultMessageStore, DefaultMQProducerImpl,
 * DefaultMQPushConsumerImpl).
 */

/** When a broker counts as busy. */
export interface Patience {
  /** Off: never; puts then wait for their sync as long as they have to. RocketMQ's `brokerFastFailureEnable`. */
  readonly brokerFastFailureEnable: boolean
  /** How long a put may wait for the disk before further ones are refused. RocketMQ's `osPageCacheBusyTimeOutMills`. */
  readonly osPageCacheBusyTimeOutMills: number
}

export const patience: Patience = { brokerFastFailureEnable: true, osPageCacheBusyTimeOutMills: 1_000 }

/** The longest wait after which puts are refused, ms; Infinity: they never are. */
export const busyAfterMs = ({ brokerFastFailureEnable, osPageCacheBusyTimeOutMills }: Patience): number =>
  brokerFastFailureEnable ? osPageCacheBusyTimeOutMills : Infinity

/** `oldestWaitMs`: since when the oldest put that is not on disk waits; undefined when none does. */
export const isBusy = (oldestWaitMs: number | undefined, afterMs: number): boolean =>
  oldestWaitMs !== undefined && oldestWaitMs > afterMs

/** What a producer may have under way. */
export interface Room {
  readonly messagesMax: number
  readonly bytesMax: number
}

/** Whether one message more, of `sizeBytes`, may go beside `messages` with `bytes` together. */
export const hasRoom = (room: Room, messages: number, bytes: number, sizeBytes: number): boolean =>
  messages === 0 || (messages < room.messagesMax && bytes + sizeBytes <= room.bytesMax)

/** What a consumer may hold of one queue. */
export interface Bounds {
  readonly messagesMax: number
  readonly bytesMax: number
  /** Between the lowest and the highest offset held; Infinity: no such bound. */
  readonly spanMax: number
}

/** What it holds. */
export interface Held {
  readonly messages: number
  readonly bytes: number
  readonly span: number
}

/** Whether so much is held of a queue that it must not be pulled now. */
export const isFull = (held: Held, { bytesMax, messagesMax, spanMax }: Bounds): boolean =>
  held.messages > messagesMax || held.bytes > bytesMax || held.span > spanMax
