/** What a consumer asks of its application, without promises: handle these messages, and say what became of them. */
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import type { Message } from "../Message.ts"

/**
 * `Done`: handled, but for those in `failed`, each with the delay level of its next attempt (0: the broker's choice,
 * below 0: none, a dead letter). `Failed`: none was handled.
 */
export type Verdict =
  | { readonly _tag: "Done"; readonly failed?: ReadonlyMap<Message, number> }
  | { readonly _tag: "Failed"; readonly error: unknown; readonly delayLevel?: number; readonly suspendMs?: number }

export interface Handling {
  readonly queue: MessageQueue
  /** A message must not be handled before the one in front of it was. */
  readonly isOrdered: boolean
  /** Runs when the outcome does not count any more: the queue is another's, or the time is over. Answers what forgets it. */
  readonly onGone: (run: () => void) => () => void
}

/** Handles messages of one queue; `done` counts once. It must not throw. */
export type Handler = (messages: ReadonlyArray<Message>, handling: Handling, done: (verdict: Verdict) => void) => void
