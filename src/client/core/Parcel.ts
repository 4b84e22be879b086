/** A message made ready to be sent: checked, its properties in one map, its id given, and what of it goes on the wire. */
import * as ClientCheck from "../../domain/ClientCheck.ts"
import { PropertyName, nameEnd, pairEnd, print, sizeBytesMax } from "../../domain/Properties.ts"
import { type CompressionType, MessageFlag, compressionFlag } from "../../domain/SysFlag.ts"
import { isRetry } from "../../domain/Topic.ts"
import * as Batch from "../../format/Batch.ts"
import * as Compression from "../../format/Compression.ts"
import { ArgumentError } from "../GantryError.ts"
import type { OutgoingMessage } from "../OutgoingMessage.ts"

export interface Parcel {
  readonly topic: string
  readonly body: Buffer
  readonly flag: number
  readonly properties: ReadonlyMap<string, string>
  /** The id; of a batch, those of its messages joined by commas. */
  readonly messageId: string
  readonly shardingKey: string | undefined
  /** How many messages it carries; more than 0 only for a batch. */
  readonly batchCount: number
}

/** Whether it is the first half of a transaction. */
export const isHalf = ({ properties }: Parcel): boolean => properties.get(PropertyName.TRAN_MSG) === "true"

/** Separates the keys of a message. */
const keySeparator = " "

/** Checks and completes a message; throws an ArgumentError that says what is wrong. */
export const of = (message: OutgoingMessage, messageId: string, maxMessageSize: number): Parcel => {
  const body = bytesOf(message.body)
  const invalid = ClientCheck.message(
    { bodySizeBytes: body?.length, multiDispatch: message.properties?.["INNER_MULTI_DISPATCH"], topic: message.topic },
    maxMessageSize,
  )
  if (invalid !== undefined)
    throw new ArgumentError(
      `Not sent: ${invalid.message}`,
      invalid.code === undefined ? "INVALID_ARGUMENT" : "MESSAGE_ILLEGAL",
    )
  const properties = propertiesOf(message, messageId)
  const sizeBytes = Buffer.byteLength(print(properties))
  if (sizeBytes > sizeBytesMax) {
    throw new ArgumentError(
      `Not sent: the properties of the message take ${sizeBytes} bytes, at most ${sizeBytesMax} fit. Move some into the body`,
      "MESSAGE_ILLEGAL",
    )
  }
  return {
    batchCount: 0,
    body: body!,
    flag: message.flag ?? 0,
    messageId,
    properties,
    shardingKey: message.shardingKey,
    topic: message.topic,
  }
}

const bytesOf = (body: string | Uint8Array | undefined): Buffer | undefined => {
  if (typeof body === "string") return Buffer.from(body, "utf8")
  return body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : undefined
}

const propertiesOf = (message: OutgoingMessage, messageId: string): Map<string, string> => {
  const properties = new Map<string, string>()
  const set = (name: string, value: string): void => {
    if (name === "" || typeof value !== "string" || value === "") {
      throw new ArgumentError(
        `Not sent: property "${name}" has no value; names and values must be texts that are not empty`,
      )
    }
    for (const separator of [nameEnd, pairEnd]) {
      if (name.includes(separator) || value.includes(separator)) {
        throw new ArgumentError(`Not sent: property "${name}" holds U+0001 or U+0002, which separate properties`)
      }
    }
    properties.set(name, value)
  }
  for (const [name, value] of Object.entries(message.properties ?? {})) set(name, value)
  if (message.tags !== undefined && message.tags !== "") set(PropertyName.TAGS, message.tags)
  const keys = typeof message.keys === "string" ? message.keys : message.keys?.join(keySeparator)
  if (keys !== undefined && keys !== "") set(PropertyName.KEYS, keys)
  if (message.delayLevel !== undefined) set(PropertyName.DELAY, String(levelOf(message.delayLevel)))
  if (message.shardingKey !== undefined) set(PropertyName.SHARDING_KEY, message.shardingKey)
  if (!properties.has(PropertyName.WAIT)) properties.set(PropertyName.WAIT, String(message.waitStored ?? true))
  if (!properties.has(PropertyName.UNIQ_KEY)) properties.set(PropertyName.UNIQ_KEY, messageId)
  return properties
}

const levelOf = (level: number): number => {
  if (Number.isInteger(level) && level >= 0) return level
  throw new ArgumentError(`Not sent: delayLevel ${level} is none; RocketMQ's levels are 1 (1 s) to 18 (2 h), 0 is none`)
}

/** Bytes of a message as an element of a batch. */
export const elementSizeBytes = (parcel: Parcel): number =>
  22 + parcel.body.length + Buffer.byteLength(print(parcel.properties))

/** One batch of parcels, which must be alike in topic and WAIT. */
export const batchOf = (parcels: ReadonlyArray<Parcel>, batchId: string): Parcel => {
  const [first] = parcels
  return {
    batchCount: parcels.length,
    body: Batch.encode(parcels.map(({ body, flag, properties }) => ({ body, flag, properties: print(properties) }))),
    flag: 0,
    messageId: parcels.map(({ messageId }) => messageId).join(","),
    properties: new Map([
      [PropertyName.WAIT, first!.properties.get(PropertyName.WAIT) ?? "true"],
      [PropertyName.UNIQ_KEY, batchId],
    ]),
    shardingKey: first!.shardingKey,
    topic: first!.topic,
  }
}

/** Why these parcels cannot be one batch; undefined when they can. */
export const whyNoBatch = (parcels: ReadonlyArray<Parcel>): string | undefined => {
  const [first] = parcels
  if (first === undefined) return "there is no message in it"
  for (const parcel of parcels) {
    if (parcel.topic !== first.topic)
      return `its messages have different topics, "${first.topic}" and "${parcel.topic}"`
    if (parcel.properties.get(PropertyName.WAIT) !== first.properties.get(PropertyName.WAIT)) {
      return "some of its messages wait until they are stored and some do not"
    }
    if (isDelayed(parcel)) return "delayed messages cannot be sent in a batch; send them one by one"
    if (isRetry(parcel.topic)) return "retried messages cannot be sent in a batch"
  }
  return undefined
}

const delays = [
  PropertyName.DELAY,
  PropertyName.TIMER_DELAY_MS,
  PropertyName.TIMER_DELAY_SEC,
  PropertyName.TIMER_DELIVER_MS,
]

export const isDelayed = ({ properties }: Parcel): boolean =>
  delays.some((name) => properties.has(name) && properties.get(name) !== "0")

export interface CompressionSettings {
  readonly type: CompressionType
  /** 1 to 9. */
  readonly level: number
  /** Bodies of at least so many bytes are compressed. */
  readonly overBytes: number
}

/** The body as it travels, and the flags that say how. A batch is never compressed: brokers look into it. */
export const wireBody = (
  parcel: Parcel,
  { level, overBytes, type }: CompressionSettings,
): { readonly body: Buffer; readonly sysFlag: number } => {
  const half = isHalf(parcel) ? MessageFlag.TRANSACTION_PREPARED : MessageFlag.TRANSACTION_NONE
  if (parcel.batchCount > 0 || parcel.body.length < overBytes) return { body: parcel.body, sysFlag: half }
  return {
    body: Compression.compress(type, parcel.body, level),
    sysFlag: MessageFlag.COMPRESSED | compressionFlag(type) | half,
  }
}
