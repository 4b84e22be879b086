/** The messages of a store that is closed, in the order of its log, rotten places left out. Nothing is changed. */
import type * as StoredMessage from "../../../format/StoredMessage.ts"
import { isFiller } from "./Filler.ts"
import { type Survey, survey } from "./LogSurvey.ts"
import type { StoreView } from "./StoreView.ts"

export interface Filter {
  readonly topic?: string | undefined
  readonly queueId?: number | undefined
  /** With a topic, the first queue offset; without one, the first byte of the log. */
  readonly from?: number | undefined
}

/** Yields a few messages at a time, whose bodies are views that stay valid; answers what was left out. */
export function* messages(view: StoreView, filter: Filter): Generator<ReadonlyArray<StoredMessage.Decoded>, Survey> {
  const { from = 0, queueId, topic } = filter
  let found: Array<StoredMessage.Decoded> = []
  const walk = survey(view, (message) => {
    if (isFiller(message)) return
    if (topic !== undefined && message.topic !== topic) return
    if (queueId !== undefined && message.queueId !== queueId) return
    if ((topic === undefined ? message.physicalOffset : message.queueOffset) >= from) found.push(message)
  })
  for (;;) {
    const { done, value } = walk.next()
    if (found.length > 0) yield found
    if (done === true) return value
    found = []
  }
}
