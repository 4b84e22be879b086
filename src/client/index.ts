/** The SDK with promises. `gantry-mq/effect` is the same for Effect. */
export type { MessageQueue } from "../domain/MessageQueue.ts"
export {
  Admin,
  type CloneOffsets,
  type CreateGroup,
  type CreateTopic,
  type GroupProgress,
  type MessageQuery,
  type MessagesByTime,
  type RequestModeOfGroup,
  type ResetOffsets,
  type TopicOffset,
} from "./Admin.ts"
export type { BrokerOfCluster, Where } from "./core/AdminCalls.ts"
export type { DeadLetterQuery, ResendDeadLetters, Resent } from "./core/DeadLetters.ts"
export type { MessageTrackOfGroup } from "./core/messageTracks.ts"
export { Consumer, type RunOptions } from "./Consumer.ts"
export type {
  ConsumeFromOption,
  ConsumerOptions,
  RebalanceStrategyOption,
  SubscriptionOption,
} from "./ConsumerOptions.ts"
export { Gantry } from "./Gantry.ts"
export {
  AnswerError,
  ArgumentError,
  BrokerError,
  ConnectionError,
  type ConnectionErrorCode,
  GantryError,
  RouteError,
  type RouteErrorCode,
  StateError,
  type StateErrorCode,
} from "./GantryError.ts"
export { type HandlerContext, RetryLater, type RunHandlers } from "./handlers.ts"
export { Message } from "./Message.ts"
export type { ClientWorld, GantryOptions } from "./Options.ts"
export type {
  OutgoingMessage,
  QueueSelector,
  Reply,
  SendOptions,
  SendResult,
  SendStatus,
  TransactionDecision,
  TransactionOptions,
  TransactionResult,
} from "./OutgoingMessage.ts"
export { PartialBatchError } from "./PartialBatchError.ts"
export { Producer } from "./Producer.ts"
export type { ProducerOptions } from "./ProducerOptions.ts"
export type { Fetched, FetchStatus } from "./core/fetch.ts"
export { type FetchOptions, type IterationOptions, type PollOptions, PullConsumer } from "./PullConsumer.ts"
export type { PullConsumerOptions } from "./PullConsumerOptions.ts"
