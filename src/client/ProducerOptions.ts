/** How a producer is set up. */
import * as ClientCheck from "../domain/ClientCheck.ts"
import type { CompressionType } from "../domain/SysFlag.ts"
import type { Environment } from "../infra/environment/Environment.ts"
import { ArgumentError } from "./GantryError.ts"
import type { Message } from "./Message.ts"
import { type GantryOptions, propertyOf } from "./Options.ts"
import type { TransactionDecision } from "./OutgoingMessage.ts"

export interface ProducerOptions {
  /** Its name among producers; default `GANTRY_PRODUCER`. */
  readonly group?: string
  /** Patience with one send, all attempts included; default 3,000. */
  readonly sendMsgTimeoutMs?: number
  /** Patience with one attempt while another one is possible; default: no limit of its own. */
  readonly sendMsgMaxTimeoutPerRequestMs?: number
  /** Further attempts, on another broker where there is one; default 2. */
  readonly retryTimesWhenSendFailed?: number
  /** Whether an answer such as FLUSH_DISK_TIMEOUT makes it try another broker; default false. */
  readonly retryAnotherBrokerWhenNotStoreOK?: boolean
  /** Longest body, in bytes; default 4 MiB. Also the most that one batch carries. */
  readonly maxMessageSize?: number
  readonly compression?: {
    readonly type?: CompressionType
    readonly level?: number
    /** Bodies of at least so many bytes are compressed; default 4,096. Infinity: none. */
    readonly overBytes?: number
  }
  /** Keeps away for a while from brokers that were slow or failed; default false. */
  readonly sendLatencyFault?: boolean
  /** Probes brokers that failed, so that they are used again as soon as they answer; default false. */
  readonly startDetector?: boolean
  /** What may be under way at once; further sends wait. Default 1,024 messages and 100 MiB; false: no bounds. */
  readonly backPressure?: { readonly messages?: number; readonly bytes?: number } | false
  /**
   * Says what became of a transaction whose half message this or another member of the group has sent: needed by
   * `sendInTransaction`. What it throws counts as "unknown".
   */
  readonly checkTransaction?: (message: Message) => TransactionDecision | Promise<TransactionDecision>
  /** Gathers messages that are sent at about the same time into batches; default false. */
  readonly autoBatch?:
    | boolean
    | { readonly maxDelayMs?: number; readonly maxBytes?: number; readonly totalMaxBytes?: number }
}

export interface ProducerSettings {
  readonly group: string
  readonly sendMsgTimeoutMs: number
  readonly sendMsgMaxTimeoutPerRequestMs: number
  readonly retryTimesWhenSendFailed: number
  readonly retryAnotherBrokerWhenNotStoreOK: boolean
  readonly maxMessageSize: number
  readonly compression: { readonly type: CompressionType; readonly level: number; readonly overBytes: number }
  readonly sendLatencyFault: boolean
  readonly startDetector: boolean
  readonly backPressure: { readonly messagesMax: number; readonly bytesMax: number }
  readonly autoBatch:
    | { readonly maxDelayMs: number; readonly maxBytes: number; readonly totalMaxBytes: number }
    | undefined
}

export const defaultProducerGroup = "GANTRY_PRODUCER"

const compressionTypes: ReadonlySet<string> = new Set(["LZ4", "ZSTD", "ZLIB"])

export const producerSettingsOf = (
  options: ProducerOptions,
  client: GantryOptions,
  environment: Environment,
): ProducerSettings => {
  const group = options.group ?? defaultProducerGroup
  const invalid = ClientCheck.group(group)
  if (invalid !== undefined) throw new ArgumentError(`No producer: ${invalid.message}`)
  const type = options.compression?.type ?? propertyOf(client, environment, "rocketmq.message.compressType") ?? "ZLIB"
  if (!compressionTypes.has(type)) {
    throw new ArgumentError(`No producer: compression type "${type}" is none of ZLIB, LZ4, ZSTD`)
  }
  const level =
    options.compression?.level ?? Number(propertyOf(client, environment, "rocketmq.message.compressLevel") ?? 5)
  if (!Number.isInteger(level) || level < 1 || level > 9) {
    throw new ArgumentError(`No producer: compression level ${level} is not within 1 to 9`)
  }
  const { autoBatch, backPressure } = options
  const batch = autoBatch === true ? {} : autoBatch === false ? undefined : autoBatch
  const room = backPressure === false ? { bytes: Infinity, messages: Infinity } : backPressure
  return {
    autoBatch:
      batch === undefined
        ? undefined
        : {
            maxBytes: batch.maxBytes ?? 32 * 1024,
            maxDelayMs: batch.maxDelayMs ?? 10,
            totalMaxBytes: batch.totalMaxBytes ?? 32 * 1024 * 1024,
          },
    backPressure: { bytesMax: room?.bytes ?? 100 * 1024 * 1024, messagesMax: room?.messages ?? 1_024 },
    compression: { level, overBytes: options.compression?.overBytes ?? 4_096, type: type as CompressionType },
    group,
    maxMessageSize: options.maxMessageSize ?? 4 * 1024 * 1024,
    retryAnotherBrokerWhenNotStoreOK: options.retryAnotherBrokerWhenNotStoreOK ?? false,
    retryTimesWhenSendFailed: options.retryTimesWhenSendFailed ?? 2,
    sendLatencyFault: options.sendLatencyFault ?? false,
    sendMsgMaxTimeoutPerRequestMs: options.sendMsgMaxTimeoutPerRequestMs ?? -1,
    sendMsgTimeoutMs: options.sendMsgTimeoutMs ?? 3_000,
    startDetector: options.startDetector ?? false,
  }
}
