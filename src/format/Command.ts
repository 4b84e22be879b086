/**
 * The remoting command: the one frame of the protocol, a header in JSON or in binary and a body.
 *
 *   length int32 | serialize int8, header length uint24 | header | body      (length counts what follows it)
 *
 * What always holds of a decoded command: `body` is a view into the bytes that were decoded, not a copy, and is empty
 * when absent; numbers are int32; a code in a binary header has 16 bits. Frames are refused when a length, the UTF-8
 * or the JSON is wrong: the connection is then closed, unanswered. Source: spec/wire.md, framing and command header.
 */
import * as Ext from "./Ext.ts"
import * as Language from "./Language.ts"
import * as LenientJson from "./LenientJson.ts"
import { Malformed } from "./Malformed.ts"
import * as Utf8 from "./Utf8.ts"
import { gantryVersion } from "./Version.ts"

/** How a header is written: 0 JSON, 1 binary ("ROCKETMQ"). Answer in the form of the request. */
export type Serialize = 0 | 1
export const serializeJson = 0
export const serializeBinary = 1

export type { Ext } from "./Ext.ts"

/** No parameters at all: a JSON header then has no `extFields` member. */
export const noExt = Ext.empty

export interface Command {
  /** Request code of a request, response code of a response. */
  readonly code: number
  readonly language: Language.Language | undefined
  readonly version: number
  /** Correlation id, chosen by the requester and repeated by the response. */
  readonly opaque: number
  readonly flag: number
  readonly remark: string | undefined
  readonly ext: Ext.Ext
  readonly body: Buffer
  readonly serialize: Serialize
}

export const responseFlag = 1
export const onewayFlag = 2

/** Longest frame after its length field: 16 MiB together with it. */
export const lengthMax = 16 * 1024 * 1024 - 4

/** From this size on a JSON header is checked for depth and number of values before it is parsed. */
const guardedHeaderBytes = 16 * 1024

const noBody = Buffer.alloc(0)

export const isResponse = (command: Command): boolean => (command.flag & responseFlag) !== 0
export const isOneway = (command: Command): boolean => (command.flag & onewayFlag) !== 0

const malformed = (reason: string) => new Malformed("Command", reason)

/** The value of the length field at `offset`: bytes of the frame after it, 4 to 16 MiB - 4. Needs 4 bytes there. */
export const frameLength = (buffer: Buffer, offset: number): number | Malformed => {
  if (offset < 0 || buffer.length - offset < 4) return malformed("no length")
  const length = buffer.readInt32BE(offset)
  if (length < 4) return malformed(`frame length ${length} below 4`)
  if (length > lengthMax) return malformed(`frame length ${length} above ${lengthMax}`)
  return length
}

/** Decodes the frame in `buffer[start, end)`, `start` being the first byte after the length field. */
export const decode = (buffer: Buffer, start: number, end: number): Command | Malformed => {
  if (start < 0 || end > buffer.length || end - start < 4) return malformed("shorter than its mark")
  const mark = buffer.readUInt32BE(start)
  const serialize = mark >>> 24
  const headerStart = start + 4
  const headerEnd = headerStart + (mark & 0xff_ff_ff)
  if (headerEnd > end) return malformed(`header length ${mark & 0xff_ff_ff} beyond the frame`)
  const body = headerEnd === end ? noBody : buffer.subarray(headerEnd, end)
  if (serialize === serializeJson) return decodeJson(buffer, headerStart, headerEnd, body)
  if (serialize === serializeBinary) return decodeBinary(buffer, headerStart, headerEnd, body)
  return malformed(`unknown serialize type ${serialize}`)
}

/** Encodes a whole frame, its length field included. */
export const encode = (command: Command): Buffer => {
  const head = encodeHead(command, command.body.length)
  return command.body.length === 0 ? head : Buffer.concat([head, command.body])
}

/** Encodes the frame up to its body of `bodySizeBytes`, which the caller writes behind it. */
export const encodeHead = (command: Command, bodySizeBytes: number): Buffer =>
  command.serialize === serializeBinary
    ? binaryHead(command, bodySizeBytes)
    : jsonHead(
        jsonHeader(
          command.code,
          command.ext,
          command.flag,
          command.language,
          command.opaque,
          command.remark,
          command.version,
        ),
        bodySizeBytes,
      )

/** A whole response frame of ours. `ext` may be undefined; its undefined and null members are left out. */
export const encodeResponse = (
  serialize: Serialize,
  code: number,
  opaque: number,
  remark: string | undefined,
  ext: Ext.Ext | undefined,
  body: Buffer | undefined,
): Buffer => {
  const head = encodeResponseHead(serialize, code, opaque, remark, ext, body === undefined ? 0 : body.length)
  return body === undefined || body.length === 0 ? head : Buffer.concat([head, body])
}

/** As `encodeResponse`, up to the body of `bodySizeBytes`: for bodies that are written from where they lie. */
export const encodeResponseHead = (
  serialize: Serialize,
  code: number,
  opaque: number,
  remark: string | undefined,
  ext: Ext.Ext | undefined,
  bodySizeBytes: number,
): Buffer => {
  if (serialize === serializeBinary) {
    const command = { ...request(code, opaque, ext ?? Ext.empty), flag: responseFlag, remark, serialize }
    return binaryHead(command, bodySizeBytes)
  }
  return jsonHead(responseHeader(code, opaque, remark, ext), bodySizeBytes)
}

/** The JSON header of a response of ours, for `writeJsonHead`. */
export const responseHeader = (
  code: number,
  opaque: number,
  remark: string | undefined,
  ext: Ext.Ext | undefined,
): string => {
  let json = `{"code":${code}`
  if (ext !== undefined) json += extMember(ext)
  json += responseMiddle + opaque
  if (remark !== undefined) json += `,"remark":${quote(remark)}`
  return json + ownTail
}

/** The same, of one whose parameters are printed already: `members` is what stands between the braces of `extFields`. */
export const printedResponseHeader = (code: number, opaque: number, members: string): string =>
  `{"code":${code},"extFields":{${members}}${responseMiddle}${opaque}${ownTail}`

/** Bytes that `writeJsonHead` takes at most. */
export const jsonHeadBytesMax = (header: string): number => 8 + 3 * header.length

/** Writes the frame up to its body at `start` and answers where it ends. There must be room for `jsonHeadBytesMax`. */
export const writeJsonHead = (header: string, bodySizeBytes: number, target: Buffer, start: number): number => {
  const headerSizeBytes = target.write(header, start + 8)
  target.writeInt32BE(4 + headerSizeBytes + bodySizeBytes, start)
  target.writeInt32BE(headerSizeBytes, start + 4)
  return start + 8 + headerSizeBytes
}

/** A request of ours, in JSON, with no body. Override what differs. */
export const request = (code: number, opaque: number, ext: Ext.Ext, body: Buffer = noBody): Command => ({
  code,
  language: Language.gantryLanguage,
  version: gantryVersion,
  opaque,
  flag: 0,
  remark: undefined,
  ext,
  body,
  serialize: serializeJson,
})

const decodeJson = (buffer: Buffer, start: number, end: number, body: Buffer): Command | Malformed => {
  if (end - start > guardedHeaderBytes) {
    const excess = LenientJson.guard(buffer, start, end)
    if (excess !== undefined) return malformed(excess)
  }
  const text = Utf8.read(buffer, start, end)
  if (text === undefined) return malformed("header is not UTF-8")
  const header = LenientJson.parseText(text)
  if (header instanceof Malformed) return malformed(header.reason)
  if (!LenientJson.isObject(header)) return malformed("header is no object")
  const ext = readExt(header["extFields"], text)
  if (ext instanceof Malformed) return ext
  const code = readInt(header["code"])
  const version = readInt(header["version"])
  const opaque = readInt(header["opaque"])
  const flag = readInt(header["flag"])
  // One addition finds a NaN among the four.
  if (Number.isNaN(code + version + opaque + flag)) return malformed("a number of the header cannot be read")
  const language = readLanguage(header["language"])
  if (language instanceof Malformed) return language
  const remark = header["remark"]
  return {
    code,
    language,
    version,
    opaque,
    flag,
    remark: typeof remark === "string" ? remark : readText(remark),
    ext,
    body,
    serialize: serializeJson,
  }
}

/** Any JSON value as the text that Java peers make of it; null and absence are undefined. */
const readText = (value: LenientJson.Json | undefined): string | undefined => {
  if (value === undefined || value === null) return undefined
  if (typeof value !== "object") return String(value)
  return shallow(value) ? JSON.stringify(value) : ""
}

/** Numbers, digits in a string, booleans; a fraction is cut; null and absence are 0; else NaN. */
const readInt = (value: LenientJson.Json | undefined): number => {
  if (typeof value === "number") {
    const whole = value | 0
    return whole === value ? whole : cutToInt32(value)
  }
  if (value === undefined || value === null || value === "") return 0
  if (typeof value === "string") return Ext.parseInt32(value)
  return typeof value === "boolean" ? Number(value) : Number.NaN
}

const cutToInt32 = (value: number): number => {
  const whole = Math.trunc(value)
  return whole === (whole | 0) ? whole | 0 : Number.NaN
}

const readLanguage = (value: LenientJson.Json | undefined): Language.Language | undefined | Malformed => {
  if (value === undefined) return "JAVA"
  if (typeof value === "string") {
    const ordinal = Ext.parseInt32(value)
    return Number.isNaN(ordinal) ? Language.fromName(value) : Language.fromCode(ordinal)
  }
  if (typeof value !== "number") return undefined
  return Language.fromCode(value) ?? malformed(`unknown language ${value}`)
}

const readExt = (value: LenientJson.Json | undefined, text: string): Ext.Ext | Malformed => {
  if (value === undefined || value === null) return Ext.empty
  if (!LenientJson.isObject(value)) return malformed("extFields is no object")
  for (const name in value) {
    const type = typeof value[name]
    if (type === "string" || type === "boolean") continue
    if (type === "number" ? !Number.isSafeInteger(value[name]) : value[name] !== null) return readOddExt(value, text)
  }
  return value as Ext.Ext
}

/** Parameters with fractions, numbers beyond 2^53 or nested values: each becomes the text it was written as. */
const readOddExt = (value: LenientJson.JsonObject, text: string): Ext.Ext | Malformed => {
  const exact = exactNumbers(text)
  const ext: { [name: string]: string | number | boolean | null } = Object.create(null)
  for (const [name, parameter] of Object.entries(value)) {
    if (typeof parameter === "number") ext[name] = exact?.get(name) ?? parameter
    else if (typeof parameter !== "object" || parameter === null) ext[name] = parameter
    else if (shallow(parameter)) ext[name] = JSON.stringify(parameter)
    else return malformed("a parameter is nested too deep")
  }
  return ext
}

type SourceReviver = (this: unknown, name: string, value: unknown, context: { readonly source?: string }) => unknown

/** Every number of a header as its digits, by name; undefined if the header was no standard JSON. */
const exactNumbers = (text: string): Map<string, string> | undefined => {
  const digits = new Map<string, string>()
  const reviver: SourceReviver = (name, value, context) => {
    if (typeof value === "number" && context.source !== undefined) digits.set(name, context.source)
    return value
  }
  try {
    JSON.parse(text, reviver as (this: unknown, name: string, value: unknown) => unknown)
    return digits
  } catch {
    return undefined
  }
}

/** Whether a value can be walked without exhausting the stack. */
const shallow = (value: LenientJson.Json, depth = 0): boolean =>
  typeof value !== "object" ||
  value === null ||
  (depth < LenientJson.depthMax && Object.values(value).every((inner) => shallow(inner as LenientJson.Json, depth + 1)))

const binaryFixedBytes = 21

const decodeBinary = (buffer: Buffer, start: number, end: number, body: Buffer): Command | Malformed => {
  if (end - start < binaryFixedBytes) return malformed("binary header below 21 bytes")
  const remarkStart = start + 17
  const remarkLength = buffer.readInt32BE(start + 13)
  const remarkEnd = remarkStart + remarkLength
  if (remarkLength < 0 || remarkEnd + 4 > end) return malformed(`remark length ${remarkLength} beyond the header`)
  const remark = remarkLength === 0 ? undefined : Utf8.read(buffer, remarkStart, remarkEnd)
  if (remarkLength !== 0 && remark === undefined) return malformed("remark is not UTF-8")
  const extStart = remarkEnd + 4
  const extLength = buffer.readInt32BE(remarkEnd)
  if (extLength > end - extStart) return malformed(`extFields length ${extLength} beyond the header`)
  const ext = extLength <= 0 ? Ext.empty : decodeBinaryExt(buffer, extStart, extStart + extLength)
  if (ext instanceof Malformed) return ext
  return {
    code: buffer.readInt16BE(start),
    language: Language.fromCode(buffer.readInt8(start + 2)),
    version: buffer.readInt16BE(start + 3),
    opaque: buffer.readInt32BE(start + 5),
    flag: buffer.readInt32BE(start + 9),
    remark,
    ext,
    body,
    serialize: serializeBinary,
  }
}

const decodeBinaryExt = (buffer: Buffer, start: number, end: number): Ext.Ext | Malformed => {
  const ext: { [name: string]: string | null } = Object.create(null)
  let at = start
  while (at < end) {
    if (end - at < 2) return malformed("a name length is cut")
    const nameEnd = at + 2 + buffer.readInt16BE(at)
    if (nameEnd < at + 2 || nameEnd + 4 > end) return malformed("a name reaches beyond the extFields")
    const valueStart = nameEnd + 4
    const valueEnd = valueStart + buffer.readInt32BE(nameEnd)
    if (valueEnd < valueStart || valueEnd > end) return malformed("a value reaches beyond the extFields")
    const name = Utf8.read(buffer, at + 2, nameEnd)
    const value = valueEnd === valueStart ? null : Utf8.read(buffer, valueStart, valueEnd)
    if (name === undefined || value === undefined) return malformed("a parameter is not UTF-8")
    // A header that was written twice, once as fields and once as a map, is legal: the last value counts.
    ext[name] = value
    at = valueEnd
  }
  return ext
}

const responseMiddle = `,"flag":${responseFlag},"language":"${Language.gantryLanguage}","opaque":`
const ownTail = `,"serializeTypeCurrentRPC":"JSON","version":${gantryVersion}}`

const jsonHeader = (
  code: number,
  ext: Ext.Ext,
  flag: number,
  language: Language.Language | undefined,
  opaque: number,
  remark: string | undefined,
  version: number,
): string => {
  const languageMember = language === undefined ? "" : `,"language":"${language}"`
  const remarkMember = remark === undefined ? "" : `,"remark":${quote(remark)}`
  return `{"code":${code}${extMember(ext)},"flag":${flag}${languageMember},"opaque":${opaque}${remarkMember},"serializeTypeCurrentRPC":"JSON","version":${version}}`
}

/** The extFields member with its leading comma. `noExt` leaves it out, an empty object of its own is written. */
const extMember = (ext: Ext.Ext): string => {
  if (ext === noExt) return ""
  let members = ""
  for (const name in ext) {
    const value = ext[name]
    if (value === undefined || value === null) continue
    if (members !== "") members += ","
    members += `${quotedName(name)}:${typeof value === "string" ? quote(value) : `"${value}"`}`
  }
  return `,"extFields":{${members}}`
}

/** Names repeat in every frame: those seen first are quoted once. Bounded, because a relayed request brings its own. */
const quotedNames = new Map<string, string>()
const quotedNamesMax = 1024

const quotedName = (name: string): string => {
  const known = quotedNames.get(name)
  if (known !== undefined) return known
  const quoted = quote(name)
  if (quotedNames.size < quotedNamesMax) quotedNames.set(name, quoted)
  return quoted
}

// oxlint-disable-next-line no-control-regex -- the control characters are what JSON wants escaped
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/

/** A JSON string. */
export const quote = (text: string): string => (needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`)

/** Room for the length and the mark before a header, in characters of one byte. */
const prefix = "\0\0\0\0\0\0\0\0"

const jsonHead = (header: string, bodySizeBytes: number): Buffer => {
  const head = Buffer.from(prefix + header, "utf8")
  const headerSizeBytes = head.length - 8
  head.writeInt32BE(4 + headerSizeBytes + bodySizeBytes, 0)
  head.writeUInt32BE(headerSizeBytes, 4)
  return head
}

const binaryHead = (command: Command, bodySizeBytes: number): Buffer => {
  const remark = command.remark ?? ""
  const remarkLength = Buffer.byteLength(remark)
  const extLength = binaryExtLength(command.ext)
  const headerSizeBytes = binaryFixedBytes + remarkLength + extLength
  const head = Buffer.allocUnsafe(8 + headerSizeBytes)
  head.writeInt32BE(4 + headerSizeBytes + bodySizeBytes, 0)
  head.writeUInt32BE((serializeBinary << 24) | headerSizeBytes, 4)
  // What has more than 16 bits wraps: the protocol's own limit, and the reason why POP needs the JSON header.
  head.writeInt16BE((command.code << 16) >> 16, 8)
  head.writeUInt8(Language.toCode(command.language), 10)
  head.writeInt16BE((command.version << 16) >> 16, 11)
  head.writeInt32BE(command.opaque, 13)
  head.writeInt32BE(command.flag, 17)
  head.writeInt32BE(remarkLength, 21)
  head.write(remark, 25, "utf8")
  head.writeInt32BE(extLength, 25 + remarkLength)
  writeBinaryExt(command.ext, head, 29 + remarkLength)
  return head
}

/** A name is counted by an int16. A longer one, which only a relayed JSON header can bring, is left out. */
const isTooLong = (name: string): boolean => name.length > 10_000 && Buffer.byteLength(name) > 32_767

const binaryExtLength = (ext: Ext.Ext): number => {
  let length = 0
  for (const name in ext) {
    const value = ext[name]
    if (value === undefined || value === null || isTooLong(name)) continue
    length += 6 + Buffer.byteLength(name) + Buffer.byteLength(typeof value === "string" ? value : String(value))
  }
  return length
}

const writeBinaryExt = (ext: Ext.Ext, target: Buffer, start: number): void => {
  let place = start
  for (const name in ext) {
    const value = ext[name]
    if (value === undefined || value === null || isTooLong(name)) continue
    const nameLength = target.write(name, place + 2, "utf8")
    target.writeInt16BE(nameLength, place)
    place += 2 + nameLength
    const valueLength = target.write(typeof value === "string" ? value : String(value), place + 4, "utf8")
    target.writeInt32BE(valueLength, place)
    place += 4 + valueLength
  }
}
