/**
 * The rules of a RocketMQ cluster as pure functions: no I/O, no clock, no randomness, no bytes. Time and random numbers
 * come in with the input; a refusal is a value (`Refusal`, in effect's `Result`). Each module is one noun, and its header
 * says what always holds and where the rule comes from.
 *
 *   import { Rebalance } from "gantry-mq/domain"
 *   Rebalance.assign(Rebalance.average, { clientIds, currentClientId, queues })
 *
 * Names and signatures may change between minor versions until 1.0.
 */

// Sending and storing
export * as Send from "./Send.ts"
export * as TopicRoute from "./TopicRoute.ts"
export * as QueueSelection from "./QueueSelection.ts"
export * as LatencyFault from "./LatencyFault.ts"
export * as DelayHistory from "./DelayHistory.ts"
export * as DelayLevel from "./DelayLevel.ts"
export * as DelayProgress from "./DelayProgress.ts"
export * as Transaction from "./Transaction.ts"
export * as OpMessage from "./OpMessage.ts"
export * as FlowControl from "./FlowControl.ts"
export * as ProducerGroup from "./ProducerGroup.ts"
export * as RequestReply from "./RequestReply.ts"
export * as Recovery from "./Recovery.ts"
export * as Retention from "./Retention.ts"

// Consuming
export * as BloomFilter from "./BloomFilter.ts"
export * as ConsumerFilter from "./ConsumerFilter.ts"
export * as ConsumerGroup from "./ConsumerGroup.ts"
export * as Heartbeat from "./Heartbeat.ts"
export * as ConsumerOffset from "./ConsumerOffset.ts"
export * as ConsumptionOrder from "./ConsumptionOrder.ts"
export * as Assignment from "./Assignment.ts"
export * as DeadLetter from "./DeadLetter.ts"
export * as HeldPull from "./HeldPull.ts"
export * as MessageTrack from "./MessageTrack.ts"
export * as Pull from "./Pull.ts"
export * as QueueLock from "./QueueLock.ts"
export * as Rebalance from "./Rebalance.ts"
export * as RequestMode from "./RequestMode.ts"
export * as Retry from "./Retry.ts"
export * as RetryPolicy from "./RetryPolicy.ts"
export * as Sql92 from "./Sql92.ts"
export * as StartOffset from "./StartOffset.ts"
export * as Subscription from "./Subscription.ts"

// Configuration and routes
export * as Capacity from "./Capacity.ts"
export * as DataVersion from "./DataVersion.ts"
export * as KvConfig from "./KvConfig.ts"
export * as Route from "./Route.ts"
export * as SubscriptionGroup from "./SubscriptionGroup.ts"
export * as Topic from "./Topic.ts"

// Words that all of them use
export * as ClientCheck from "./ClientCheck.ts"
export * as HashRing from "./HashRing.ts"
export * as JavaNumber from "./JavaNumber.ts"
export * as JavaString from "./JavaString.ts"
export * as MessageQueue from "./MessageQueue.ts"
export * as Namespace from "./Namespace.ts"
export * as Nearest from "./Nearest.ts"
export * as Properties from "./Properties.ts"
export * as Refusal from "./Refusal.ts"
export * as SysFlag from "./SysFlag.ts"
