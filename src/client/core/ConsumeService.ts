/** How the messages of a consumer's queues get to its handler. */
import type { Message } from "../Message.ts"
import type { ProcessQueue } from "./ProcessQueue.ts"

export interface ConsumeService {
  /** Messages were added to a queue. */
  readonly arrived: (queue: ProcessQueue, messages: ReadonlyArray<Message>) => void
  /** Goes on with a queue that had to wait: for its lock, or because it was about to leave. */
  readonly wake: (queue: ProcessQueue) => void
  /** Whether a queue can be let go now; a service that says no calls `left` as soon as it can. */
  readonly mayGo: (queue: ProcessQueue) => boolean
  /** Begins nothing new. */
  readonly stop: () => void
  /** Runs `done` when no handler is at work. */
  readonly whenIdle: (done: () => void) => void
}

/** What a service tells its consumer. */
export interface ConsumeEvents {
  /** Messages of a queue are settled: there is room, and `progress` is how far the group is. */
  readonly settled: (queue: ProcessQueue, progress: number | undefined) => void
  /** The handler of a queue that is leaving has ended. */
  readonly left: (queue: ProcessQueue) => void
}
