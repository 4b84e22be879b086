/**
 * The rules of a RocketMQ cluster as pure functions: no I/O, no clock, no randomness, no bytes. Time and random numbers
 * come in with the input; a refusal is a value (`Refusal`, in effect's `Result`). Each module is one noun, and its header
 * says what always holds and where the rule comes from.
 *
 *   import { Rebalance } from "gantry-mq/domain"
 *   Rebalance.assign(Rebalance.average, { clientIds, currentClientId, queues })
 *
 * This list is the table of contents: read from the top, it is the life of a message.
 *
 * Names and signatures may change between minor versions until 1.0.
 */

// A message comes in

/** Which queues a client finds to send to and to read from. */
export * as TopicRoute from "./TopicRoute.ts"
/** Which of them a producer takes: by turns, or by a key. */
export * as QueueSelection from "./QueueSelection.ts"
/** Whether a producer tries again, where that may help. */
export * as SendAttempts from "./SendAttempts.ts"
/** Brokers that a producer keeps away from for a while. */
export * as LatencyFault from "./LatencyFault.ts"
/** What a client refuses before it asks a broker. */
export * as ClientCheck from "./ClientCheck.ts"
/** Whether a broker takes a message, and where it puts it. */
export * as Send from "./Send.ts"
/** Who slows down or turns away when more comes than goes. */
export * as FlowControl from "./FlowControl.ts"
/** A message that waits for a message in return. */
export * as RequestReply from "./RequestReply.ts"

// It waits

/** Delayed messages: the table of levels, and when a message is due. */
export * as DelayLevel from "./DelayLevel.ts"
/** Which table was in force when a message was stored. */
export * as DelayHistory from "./DelayHistory.ts"
/** What of a level has been delivered. */
export * as DelayProgress from "./DelayProgress.ts"
/** Half messages: commit, rollback, checks, giving up. */
export * as Transaction from "./Transaction.ts"
/** How the log says which half messages are settled. */
export * as OpMessage from "./OpMessage.ts"

// It goes out

/** Which messages a group wants, by tags. */
export * as Subscription from "./Subscription.ts"
/** And by conditions over their properties. */
export * as Sql92 from "./Sql92.ts"
/** The filters of all groups, and when they change. */
export * as ConsumerFilter from "./ConsumerFilter.ts"
/** Which groups may want a message, in a few bits. */
export * as BloomFilter from "./BloomFilter.ts"
/** Whether a consumer may read, where it stands, what it is answered. */
export * as Pull from "./Pull.ts"
/** Pulls that wait for a message. */
export * as HeldPull from "./HeldPull.ts"
/** Where a group begins in a queue. */
export * as StartOffset from "./StartOffset.ts"
/** How far each group is, and who may move that. */
export * as ConsumerOffset from "./ConsumerOffset.ts"

// Who gets it

/** How much clients may make a broker remember. */
export * as Heartbeat from "./Heartbeat.ts"
/** Which clients are in a group, and what they subscribe. */
export * as ConsumerGroup from "./ConsumerGroup.ts"
/** Which clients a broker can ask back. */
export * as ProducerGroup from "./ProducerGroup.ts"
/** Which queues each member takes: six strategies. */
export * as Rebalance from "./Rebalance.ts"
/** The ring of the consistent one. */
export * as HashRing from "./HashRing.ts"
/** The same, shared out by a broker. */
export * as Assignment from "./Assignment.ts"
/** Whether a group pulls or pops then. */
export * as RequestMode from "./RequestMode.ts"
/** Leases by which one client at a time consumes a queue in order. */
export * as QueueLock from "./QueueLock.ts"
/** Which groups consume in order. */
export * as ConsumptionOrder from "./ConsumptionOrder.ts"

// It failed

/** What becomes of a message that is sent back. */
export * as Retry from "./Retry.ts"
/** How the retries of a group are spaced. */
export * as RetryPolicy from "./RetryPolicy.ts"
/** What a group has given up on, and how it is sent again. */
export * as DeadLetter from "./DeadLetter.ts"
/** What has become of a message in each group. */
export * as MessageTrack from "./MessageTrack.ts"

// It stays, or goes

/** Torn tail or rot, when a log is read after a crash. */
export * as Recovery from "./Recovery.ts"
/** Which segments go, and when a disk is full. */
export * as Retention from "./Retention.ts"

// What is set up

/** Names, queues, permissions; topics of the system. */
export * as Topic from "./Topic.ts"
/** The configuration of a group. */
export * as SubscriptionGroup from "./SubscriptionGroup.ts"
/** How many of both a broker keeps. */
export * as Capacity from "./Capacity.ts"
/** The tables of a name server. */
export * as Route from "./Route.ts"
/** Its key-value configuration. */
export * as KvConfig from "./KvConfig.ts"
/** How a broker tells that a table changed. */
export * as DataVersion from "./DataVersion.ts"

// What is counted

/** How often things happen, in windows. */
export * as Statistics from "./Statistics.ts"
/** How much per second. */
export * as Rates from "./Rates.ts"
/** How long puts take. */
export * as PutTimes from "./PutTimes.ts"

// Words that all of them use

/** One queue of a topic on one broker. */
export * as MessageQueue from "./MessageQueue.ts"
/** The text that travels beside a body. */
export * as Properties from "./Properties.ts"
/** The flag words of the protocol. */
export * as SysFlag from "./SysFlag.ts"
/** Prefixes that keep clients apart. */
export * as Namespace from "./Namespace.ts"
/** An expected no, with its code and a sentence. */
export * as Refusal from "./Refusal.ts"
/** Did you mean …. */
export * as Nearest from "./Nearest.ts"
/** Java's view of text. */
export * as JavaString from "./JavaString.ts"
/** And of numbers in text. */
export * as JavaNumber from "./JavaNumber.ts"
