/** What a broker tells a member of the queues that are its own. Source: spec/wire.md, QUERY_ASSIGNMENT. */
import { messageModels } from "./Heartbeat.ts"
import { MessageQueue, choice, list, optional, orElse, record, text } from "./shape.ts"

/** The body of QUERY_ASSIGNMENT (400). */
export const QueryAssignment = record("QueryAssignmentRequestBody", {
  clientId: text,
  consumerGroup: text,
  messageModel: orElse(choice(messageModels, "CLUSTERING"), "CLUSTERING"),
  strategyName: orElse(text, "AVG"),
  topic: text,
})
export type QueryAssignment = typeof QueryAssignment.Type

/** The answer to 400; without the member the asker keeps what it has. */
export const QueryAssignmentAnswer = record("QueryAssignmentResponseBody", {
  messageQueueAssignments: optional(
    list(
      record("MessageQueueAssignment", {
        messageQueue: MessageQueue,
        mode: orElse(choice(["PULL", "POP"], "PULL"), "PULL"),
      }),
    ),
  ),
})
export type QueryAssignmentAnswer = typeof QueryAssignmentAnswer.Type
