/**
 * The attempts of one send: whether a producer tries again after a failure, how long it waits for each attempt, and what
 * it tells in the end. Where an attempt goes is `QueueSelection`'s business: away from the broker that was tried last.
 *
 * A message may be stored twice: an attempt that was not answered may have succeeded, and the next one goes elsewhere.
 *
 * Laws (test/model/domain/SendAttempts.test.ts)
 *   bounded  a send makes at most 1 + `retryTimesWhenSendFailed` attempts, and one if its queue was chosen
 *   in time  no attempt begins when the time of the send is over, and none is waited for longer than that
 *   kept     an outcome that is stored, but not as safely as asked for, is told when nothing better comes
 *   final    what would fail elsewhere as well is not tried again
 *   one half a half message that may be stored is not sent twice: both would be asked about, and both committed (P6)
 * Source: behaviour of RocketMQ 5.5.0 (DefaultMQProducerImpl.sendDefaultImpl).
 */

export interface Settings {
  readonly retryTimesWhenSendFailed: number
  /** Patience with one attempt while another one is possible, ms; -1: no limit of its own. */
  readonly sendMsgMaxTimeoutPerRequestMs: number
  /** Whether an answer such as FLUSH_DISK_TIMEOUT makes it try another broker. */
  readonly retryAnotherBrokerWhenNotStoreOK: boolean
}

/** Response codes after which another broker, or the same one later, may take what this one did not. */
export const retriable = [
  "TOPIC_NOT_EXIST",
  "SERVICE_NOT_AVAILABLE",
  "SYSTEM_ERROR",
  "SYSTEM_BUSY",
  "NO_PERMISSION",
  "NO_BUYER_ID",
  "NOT_IN_CURRENT_UNIT",
  "GO_AWAY",
] as const

/** How often a send may be tried: one that was given its queue goes there or nowhere. */
export const attemptsMax = (isQueueChosen: boolean, settings: Settings): number =>
  isQueueChosen ? 1 : 1 + settings.retryTimesWhenSendFailed

/** How long the attempt is waited for that is the `tried`-th; `leftMs` is what is left for the whole send. */
export const timeoutMs = (tried: number, max: number, leftMs: number, settings: Settings): number => {
  const { sendMsgMaxTimeoutPerRequestMs } = settings
  return sendMsgMaxTimeoutPerRequestMs > -1 && tried < max ? Math.min(sendMsgMaxTimeoutPerRequestMs, leftMs) : leftMs
}

/** What an attempt came to. */
export type Outcome =
  | { readonly _tag: "Stored" }
  /** In the log, but not on disk or not on the replicas in time. */
  | { readonly _tag: "StoredUnsafely" }
  /** `isInDoubt`: it was sent, and not answered. */
  | { readonly _tag: "Failed"; readonly isRetriable: boolean; readonly isInDoubt: boolean }

/** How far a send is. */
export interface Progress {
  /** Attempts, the one that is judged included, and how many there may be. */
  readonly tried: number
  readonly max: number
  readonly leftMs: number
  /** The message is the first half of a transaction. */
  readonly isHalf: boolean
}

/** `Again`: another attempt. `Keep`: another attempt, and this outcome is told unless that one is better. */
export type Decision = "Again" | "Keep" | "End"

/** Judges the last attempt. */
export const decide = (outcome: Outcome, progress: Progress, settings: Settings): Decision => {
  const { isHalf, leftMs, max, tried } = progress
  const mayGoOn = tried < max && leftMs > 0
  switch (outcome._tag) {
    case "Stored":
      return "End"
    case "StoredUnsafely":
      return mayGoOn && settings.retryAnotherBrokerWhenNotStoreOK && !isHalf ? "Keep" : "End"
    case "Failed":
      return mayGoOn && outcome.isRetriable && !(isHalf && outcome.isInDoubt) ? "Again" : "End"
  }
}
