/** How `gantry consume` prints a message: a line for people, or a JSON object a line for programs. */
import * as Properties from "../domain/Properties.ts"
import { compressionType, isCompressed } from "../domain/SysFlag.ts"
import { decompress } from "../format/Compression.ts"
import * as Host from "../format/Host.ts"
import { Malformed } from "../format/Malformed.ts"
import * as MessageId from "../format/MessageId.ts"
import type { Decoded } from "../format/StoredMessage.ts"
import { printTime } from "./time.ts"

export type Printer = (message: Decoded) => string

/** Properties that the system made; those that a person gave are printed. */
const internal: ReadonlySet<string> = new Set(Object.values(Properties.PropertyName))

export const printers: Readonly<Record<"text" | "json", Printer>> = {
  json: (message) => {
    const properties = Properties.parse(message.properties)
    const body = bodyOf(message)
    const text = textOf(body)
    return JSON.stringify({
      topic: message.topic,
      queueId: message.queueId,
      queueOffset: message.queueOffset,
      msgId: properties.get(Properties.PropertyName.UNIQ_KEY),
      offsetMsgId: MessageId.encode({ host: message.storeHost, physicalOffset: message.physicalOffset }),
      storeTime: new Date(message.storeTimestamp).toISOString(),
      bornTime: new Date(message.bornTimestamp).toISOString(),
      bornHost: Host.print(message.bornHost),
      tag: properties.get(Properties.PropertyName.TAGS),
      keys: properties.get(Properties.PropertyName.KEYS)?.split(" "),
      reconsumeTimes: message.reconsumeTimes,
      properties: Object.fromEntries(properties),
      ...(text === undefined ? { bodyBase64: body.toString("base64") } : { body: text }),
    })
  },
  text: (message) => {
    const properties = Properties.parse(message.properties)
    const body = bodyOf(message)
    const parts = [
      `${printTime(message.storeTimestamp)}  ${message.topic}/${message.queueId} at ${message.queueOffset}`,
    ]
    const tag = properties.get(Properties.PropertyName.TAGS)
    const keys = properties.get(Properties.PropertyName.KEYS)
    if (tag !== undefined) parts.push(`tag=${visible(tag)}`)
    if (keys !== undefined) parts.push(`key=${visible(keys)}`)
    if (message.reconsumeTimes > 0) parts.push(`attempt=${message.reconsumeTimes + 1}`)
    for (const [name, value] of properties) if (!internal.has(name)) parts.push(`${visible(name)}=${visible(value)}`)
    const text = textOf(body)
    parts.push(
      text === undefined
        ? `${body.length} bytes: ${body.subarray(0, 64).toString("hex")}${body.length > 64 ? "…" : ""}`
        : visible(text),
    )
    return parts.join("  ")
  },
}

/** The body, unpacked when it is compressed in a way that is known. */
export const bodyOf = ({ body, sysFlag }: Decoded): Buffer => {
  const type = isCompressed(sysFlag) ? compressionType(sysFlag) : undefined
  const plain = type === undefined ? body : decompress(type, body)
  return plain instanceof Malformed ? body : plain
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const textOf = (body: Buffer): string | undefined => {
  try {
    return decoder.decode(body)
  } catch {
    return undefined
  }
}

/** What would move a terminal's cursor is written as its code: bodies come from anywhere. */
const visible = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  text.replace(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F\n\t]/g, (char) => {
    if (char === "\n") return "\\n"
    if (char === "\t") return "\\t"
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`
  })
