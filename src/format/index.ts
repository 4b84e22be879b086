/**
 * RocketMQ's bytes: frames of the remoting protocol, records and files of a store, bodies of requests. Pure functions
 * between bytes and values, each format declared once. A decoder never throws and allocates nothing by a length that it
 * has not checked: it answers the value or a `Malformed`, to be told apart by `instanceof`.
 *
 *   import { Command, Malformed } from "gantry-mq/format"
 *   const command = Command.decode(bytes, 4, bytes.length)
 *   if (command instanceof Malformed) throw command
 *
 * Names and signatures may change between minor versions until 1.0.
 */
export { Malformed } from "./Malformed.ts"

// The protocol
export * as Command from "./Command.ts"
export * as Ext from "./Ext.ts"
export * as Language from "./Language.ts"
export * as LenientJson from "./LenientJson.ts"
export * as Version from "./Version.ts"
export { RequestCode, requestCodeName } from "./RequestCode.ts"
export { ResponseCode, responseCodeName } from "./ResponseCode.ts"

// Requests, answers and their bodies
export * as Admin from "./Admin.ts"
export * as Batch from "./Batch.ts"
export * as Compression from "./Compression.ts"
export * as Connections from "./Connections.ts"
export * as ConsumeStats from "./ConsumeStats.ts"
export * as ConsumerRuntime from "./ConsumerRuntime.ts"
export * as Heartbeat from "./Heartbeat.ts"
export * as LockBatch from "./LockBatch.ts"
export * as NameServer from "./NameServer.ts"
export * as PullMessage from "./PullMessage.ts"
export * as RegisterBroker from "./RegisterBroker.ts"
export * as RouteData from "./RouteData.ts"
export * as SendMessage from "./SendMessage.ts"

// Messages and ids
export * as Host from "./Host.ts"
export * as MessageId from "./MessageId.ts"
export * as StoredMessage from "./StoredMessage.ts"
export * as UniqKey from "./UniqKey.ts"

// Files of a store
export * as Checkpoint from "./Checkpoint.ts"
export * as ConfigJson from "./ConfigJson.ts"
export * as ConsumeQueueEntry from "./ConsumeQueueEntry.ts"
export * as Crc32 from "./Crc32.ts"
export * as DurableMark from "./DurableMark.ts"
export * as IndexFile from "./IndexFile.ts"
export * as RecordCrc from "./RecordCrc.ts"
export * as Timer from "./Timer.ts"
