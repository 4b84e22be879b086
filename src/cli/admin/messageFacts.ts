/** How the commands about messages tell one: a line, or everything about it. */
import * as Properties from "../../domain/Properties.ts"
import type { Decoded } from "../../format/StoredMessage.ts"
import type { Call } from "../Call.ts"
import { bodyOf, printers } from "../messageText.ts"
import * as Output from "./Output.ts"

/** The character set that an option names, once Node knows it. */
export const charsetOf = (call: Call, option: string): string => {
  const charset = call.text(option) ?? "utf-8"
  try {
    return new TextDecoder(charset).encoding
  } catch {
    throw call.refusal(
      `--${option} ${charset} is no character set that is known here: UTF-8, GBK, Big5, Shift_JIS, ISO-8859-1, …`,
    )
  }
}

/** A message as JSON has it; a body in another character set than UTF-8 as its text. */
const objectOf = (message: Decoded, charset: string, isWithBody: boolean): Readonly<Record<string, unknown>> => {
  const { body, bodyBase64, ...rest } = JSON.parse(printers.json(message)) as Readonly<Record<string, unknown>>
  if (!isWithBody) return rest
  if (charset === "utf-8") return { ...rest, ...(bodyBase64 === undefined ? { body } : { bodyBase64 }) }
  return { ...rest, body: new TextDecoder(charset).decode(bodyOf(message)) }
}

interface Line {
  readonly charset: string
  readonly isWithBody: boolean
}

/** Prints a message as a line: text, or an object when -o json asks for it. */
export const lineOf = (call: Call, { charset, isWithBody }: Line): ((message: Decoded) => string) => {
  if (call.text("output") === "json") return (message) => `${JSON.stringify(objectOf(message, charset, isWithBody))}\n`
  return (message) => {
    if (!isWithBody) return `${printers.text({ ...message, body: Buffer.alloc(0), sysFlag: 0 }).trimEnd()}\n`
    const text = charset === "utf-8" ? message : decodedBody(message, charset)
    return `${printers.text(text)}\n`
  }
}

const decodedBody = (message: Decoded, charset: string): Decoded => ({
  ...message,
  body: Buffer.from(new TextDecoder(charset).decode(bodyOf(message))),
  sysFlag: 0,
})

/** All of a message. */
export const factsOf = (message: Decoded, charset = "utf-8"): Output.Output => {
  const object = objectOf(message, charset, true)
  const properties = Properties.parse(message.properties)
  const told = (key: string): Output.Cell => object[key] as Output.Cell
  const { text } = Output.facts({
    msgId: ["message id", told("msgId")],
    offsetMsgId: ["offset id", told("offsetMsgId")],
    topic: ["topic", message.topic],
    tag: ["tag", told("tag")],
    keys: ["keys", told("keys")],
    queue: ["queue", message.queueId],
    offset: ["queue offset", message.queueOffset],
    logOffset: ["log offset", message.physicalOffset],
    reconsumeTimes: ["consumed before", message.reconsumeTimes],
    born: ["born", message.bornTimestamp, Output.time],
    bornHost: ["born on", told("bornHost")],
    stored: ["stored", message.storeTimestamp, Output.time],
    sizeBytes: ["bytes in the log", message.sizeBytes],
    properties: ["properties", [...properties].map(([name, value]) => Output.visible(`${name}=${value}`))],
    body: ["body", object["bodyBase64"] === undefined ? told("body") : `${String(object["bodyBase64"])} (base64)`],
  })
  return { json: { ...object, commitLogOffset: message.physicalOffset, sizeBytes: message.sizeBytes }, text }
}
