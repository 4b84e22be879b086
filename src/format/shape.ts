/**
 * JSON bodies, declared once: a shape reads parsed JSON into a typed value and prints a value as RocketMQ's JSON does,
 * members in alphabetical order, absent ones left out, no white space; tests generate values from the same declaration.
 *
 *   const KvTable = record("KvTable", { table: map(text) })
 *   KvTable.decode(body)   KvTable.encode({ table: new Map([["k", "v"]]) })
 *
 * Reading is as lenient as Java's: unknown members are ignored, names match in any case, numbers may be written as
 * strings, null is absence. What is missing and has no fallback, or is of another kind, is Malformed.
 * Source: spec/wire.md, JSON body catalogue.
 */
import type { Json } from "./LenientJson.ts"
import { printTime } from "./Ext.ts"
import * as LenientJson from "./LenientJson.ts"
import { Malformed } from "./Malformed.ts"

/** How JSON is printed: keys that are numbers bare (legacy) or quoted and sorted (standard); on one line or indented. */
export interface Style {
  readonly standard: boolean
  readonly pretty: boolean
}

/** What Java peers write by default. */
export const legacy: Style = { standard: false, pretty: false }
/** What clients that want standard JSON are sent. */
export const standard: Style = { standard: true, pretty: false }
/** What files in `config/` look like. */
export const pretty: Style = { standard: false, pretty: true }

/** What a shape is made of, for generators and tables. */
export type Kind =
  | { readonly type: "text" | "int" | "long" | "double" | "flag" }
  | { readonly type: "choice"; readonly values: readonly string[] }
  | { readonly type: "list" | "set" | "map" | "numberMap" | "queueMap"; readonly of: Shape<unknown> }
  | { readonly type: "attributes" }
  | { readonly type: "record"; readonly members: Members }

export interface Shape<T> {
  readonly kind: Kind
  /** Reads a value that is there (neither undefined nor null). */
  readonly read: (json: Json) => T | Malformed
  /** Prints a value; `indent` is what stands before each line of it. A method, so that shapes of any value are one type. */
  print(value: T, style: Style, indent: string): string
  /** What `print` prints, an entry at a time: maps have it. The map is read as it goes on. */
  pieces?(value: T, style: Style, indent: string): Generator<string, void>
}

/** A member of a record. Without a fallback, an absent member is refused unless it is optional. */
export interface Member<T, Optional extends boolean = boolean> {
  readonly shape: Shape<T>
  readonly optional: Optional
  readonly fallback: T | undefined
  /** Other names that are read. */
  readonly aliases: readonly string[]
}

/** Members by name; a bare shape is a member that must be there. */
export type Members = { readonly [name: string]: Member<unknown> | Shape<unknown> }

type ValueOf<M> = M extends Member<infer T> ? T : M extends Shape<infer T> ? T : never
type OptionalNames<M extends Members> = {
  [K in keyof M]: M[K] extends Member<infer _T, true> ? (M[K] extends Member<infer _U, false> ? never : K) : never
}[keyof M]

export type Values<M extends Members> = { readonly [K in Exclude<keyof M, OptionalNames<M>>]: ValueOf<M[K]> } & {
  readonly [K in OptionalNames<M>]?: ValueOf<M[K]>
}

const refuse = (wanted: string, json: Json) => new Malformed("Json", `${brief(json)} is no ${wanted}`)

const brief = (json: Json): string => {
  if (Array.isArray(json)) return "a list"
  return typeof json === "object" ? "an object" : String(json).slice(0, 64)
}

/** A string; numbers and booleans become their text. */
export const text: Shape<string> = {
  kind: { type: "text" },
  read: (json) => {
    if (typeof json === "string") return json
    return typeof json === "number" || typeof json === "boolean" ? String(json) : refuse("text", json)
  },
  print: (value) => JSON.stringify(value),
}

const wholeNumber = (type: "int" | "long", min: number, max: number): Shape<number> => ({
  kind: { type },
  read: (json) => {
    const value = typeof json === "string" && /^[+-]?\d{1,19}$/.test(json) ? Number(json) : json
    return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
      ? value + 0
      : refuse(type, json)
  },
  print: (value) => String(value),
})

export const int: Shape<number> = wholeNumber("int", -(2 ** 31), 2 ** 31 - 1)

/** A 64-bit number that is exact: refused beyond 2^53. */
export const long: Shape<number> = wholeNumber("long", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)

/** A 64-bit number that is only compared, rounded beyond 2^53: the Go client counts versions in nanoseconds. */
export const time: Shape<number> = {
  ...wholeNumber("long", -(2 ** 63), 2 ** 63),
  print: (value) => String(printTime(value)),
}

/** A finite number, printed as Java prints a double. */
export const double: Shape<number> = {
  kind: { type: "double" },
  read: (json) => {
    const value = typeof json === "string" && json !== "" ? Number(json) : json
    return typeof value === "number" && Number.isFinite(value) ? value : refuse("number", json)
  },
  print: (value) => (Number.isInteger(value) && Math.abs(value) < 1e15 ? value.toFixed(1) : String(value)),
}

export const flag: Shape<boolean> = {
  kind: { type: "flag" },
  read: (json) => {
    if (typeof json === "boolean") return json
    if (typeof json === "string") return json.toLowerCase() === "true"
    return typeof json === "number" ? json !== 0 : refuse("boolean", json)
  },
  print: String,
}

/** One of some names, or its ordinal. What is unknown reads as `unknown`. */
export const choice = <const V extends readonly string[]>(
  values: V,
  unknown: NoInfer<V[number]>,
): Shape<V[number]> => ({
  kind: { type: "choice", values },
  read: (json) => {
    if (typeof json === "number") return values[json] ?? unknown
    return typeof json === "string" ? (values.find((value) => value === json) ?? unknown) : refuse("name", json)
  },
  print: (value) => JSON.stringify(value),
})

export const list = <T>(of: Shape<T>): Shape<ReadonlyArray<T>> => ({
  kind: { type: "list", of: of as Shape<unknown> },
  read: (json) => readElements(of, json),
  print: (values, style, indent) => printElements(of, values, style, indent),
})

/** A list without order or repetition. */
export const set = <T>(of: Shape<T>): Shape<ReadonlySet<T>> => ({
  kind: { type: "set", of: of as Shape<unknown> },
  read: (json) => {
    const elements = readElements(of, json)
    return elements instanceof Malformed ? elements : new Set(elements)
  },
  print: (values, style, indent) => printElements(of, values, style, indent),
})

const readElements = <T>(of: Shape<T>, json: Json): T[] | Malformed => {
  if (!Array.isArray(json)) return refuse("list", json)
  const elements: T[] = []
  for (const one of json as readonly Json[]) {
    if (one === null) continue
    const element = of.read(one)
    if (element instanceof Malformed) return element
    elements.push(element)
  }
  return elements
}

const printElements = <T>(of: Shape<T>, values: Iterable<T>, style: Style, indent: string): string => {
  const items: string[] = []
  for (const value of values) items.push(of.print(value, style, `${indent}\t`))
  return enclose("[", items, "]", style, indent)
}

/** A map from text. */
export const map = <T>(of: Shape<T>): Shape<ReadonlyMap<string, T>> => ({
  kind: { type: "map", of: of as Shape<unknown> },
  read: (json) => readEntries(of, json, (key) => key),
  print: (values, style, indent) =>
    printEntries(of, sorted(values, style), style, indent, (key) => JSON.stringify(key)),
  pieces: (values, style, indent) =>
    entryPieces(of, sorted(values, style), style, indent, (key) => JSON.stringify(key)),
})

/** A map from int or long; legacy JSON leaves such keys unquoted. */
export const numberMap = <T>(of: Shape<T>): Shape<ReadonlyMap<number, T>> => ({
  kind: { type: "numberMap", of: of as Shape<unknown> },
  read: (json) => readEntries(of, json, (key) => long.read(key)),
  print: (values, style, indent) =>
    printEntries(of, sorted(values, style), style, indent, (key) => (style.standard ? `"${key}"` : String(key))),
})

/** Standard JSON is written in the order of the keys. */
const sorted = <K extends string | number, T>(values: ReadonlyMap<K, T>, style: Style): Iterable<readonly [K, T]> =>
  style.standard ? [...values].toSorted(([left], [right]) => (left < right ? -1 : 1)) : values

const readEntries = <K, T>(
  of: Shape<T>,
  json: Json,
  readKey: (key: string) => K | Malformed,
): Map<K, T> | Malformed => {
  if (!LenientJson.isObject(json)) return refuse("map", json)
  const entries = new Map<K, T>()
  for (const name of Object.keys(json)) {
    const key = readKey(name)
    if (key instanceof Malformed) return key
    const one = json[name] as Json
    if (one === null) continue
    const value = of.read(one)
    if (value instanceof Malformed) return value
    entries.set(key, value)
  }
  return entries
}

const printEntries = <K, T>(
  of: Shape<T>,
  entries: Iterable<readonly [K, T]>,
  style: Style,
  indent: string,
  printKey: (key: K, style: Style, indent: string) => string,
): string => {
  const items: string[] = []
  const inner = `${indent}\t`
  for (const [key, value] of entries) items.push(`${printKey(key, style, inner)}:${of.print(value, style, inner)}`)
  return enclose("{", items, "}", style, indent)
}

function* entryPieces<K, T>(
  of: Shape<T>,
  entries: Iterable<readonly [K, T]>,
  style: Style,
  indent: string,
  printKey: (key: K) => string,
): Generator<string, void> {
  const inner = `${indent}\t`
  const lineStart = style.pretty ? `\n${inner}` : ""
  let before = `{${lineStart}`
  for (const [key, value] of entries) {
    yield `${before}${printKey(key)}:${of.print(value, style, inner)}`
    before = `,${lineStart}`
  }
  if (before.startsWith("{")) yield "{}"
  else yield style.pretty ? `\n${indent}}` : "}"
}

/** Names to texts, as a plain object: the attributes of a topic or group. */
export const attributes: Shape<Readonly<Record<string, string>>> = {
  kind: { type: "attributes" },
  read: (json) => {
    const entries = readEntries(text, json, (key) => key)
    if (entries instanceof Malformed) return entries
    const values: { [name: string]: Json } = {}
    for (const [key, value] of entries) LenientJson.set(values, key, value)
    return values as Record<string, string>
  },
  print: (values, style, indent) =>
    printEntries(text, Object.entries(values), style, indent, (key) => JSON.stringify(key)),
}

/** One line, or one item a line; an empty list then has an empty line. */
const enclose = (open: string, items: readonly string[], close: string, style: Style, indent: string): string => {
  if (!style.pretty || (items.length === 0 && open === "{")) return open + items.join(",") + close
  const inner = `\n${indent}\t`
  return `${open}${inner}${items.join(`,${inner}`)}\n${indent}${close}`
}

/** A member that may be absent; the value then has none of its name. */
export const optional = <T>(shape: Shape<T>): Member<T, true> => ({
  shape,
  optional: true,
  fallback: undefined,
  aliases: [],
})

/** A member that may be absent; the value then has `fallback`. `aliases` are other names that are read. */
export const orElse = <T>(shape: Shape<T>, fallback: NoInfer<T>, ...aliases: readonly string[]): Member<T, false> => ({
  shape,
  optional: false,
  fallback,
  aliases,
})

/** A record: what a whole body is, too. */
export interface RecordShape<M extends Members> extends Shape<Values<M>> {
  readonly name: string
  readonly kind: { readonly type: "record"; readonly members: M }
  /** The type of the value; only for `typeof X.Type`. */
  readonly Type: Values<M>
  /** Reads a body of UTF-8 JSON, of no more bytes than the declaration allows. */
  readonly decode: (body: Buffer) => Values<M> | Malformed
  /** Reads text of any length: files of our own. */
  readonly parse: (text: string) => Values<M> | Malformed
  /** What `print` prints, an entry of a member's map at a time: for tables that are too large for one turn. */
  pieces(value: Values<M>, style: Style, indent: string): Generator<string, void>
  encode(value: Values<M>, style?: Style): Buffer
}

interface Field {
  readonly name: string
  readonly member: Member<unknown>
  readonly lowerCase: ReadonlySet<string>
}

/** Bodies of clients: a heartbeat of 5,000 subscriptions fits, and a hostile one costs 50 ms at most (promise P11). */
export const bodySizeMax = 1024 * 1024

/** Bodies of brokers and name servers, with tables of all topics or groups: whatever fits a frame. */
export const tableSizeMax = 16 * 1024 * 1024

export const record = <M extends Members>(name: string, members: M, sizeMax = bodySizeMax): RecordShape<M> => {
  const fields: Field[] = []
  for (const [memberName, one] of Object.entries(members).toSorted(([left], [right]) => (left < right ? -1 : 1))) {
    const member = (
      "shape" in one ? one : { shape: one, optional: false, fallback: undefined, aliases: [] }
    ) as Member<unknown>
    const lowerCase = new Set([memberName, ...member.aliases].map((alias) => alias.toLowerCase()))
    fields.push({ name: memberName, member, lowerCase })
  }

  const read = (json: Json): Values<M> | Malformed => {
    if (!LenientJson.isObject(json)) return new Malformed(name, `${brief(json)} is no object`)
    const value: { [name: string]: unknown } = {}
    for (const field of fields) {
      const found = find(json, field)
      if (found === undefined || found === null) {
        if (field.member.fallback !== undefined) value[field.name] = field.member.fallback
        else if (!field.member.optional) return new Malformed(name, `${field.name} is missing`)
        continue
      }
      const one = field.member.shape.read(found)
      if (one instanceof Malformed) return new Malformed(name, `${field.name}: ${one.reason}`)
      value[field.name] = one
    }
    return value as Values<M>
  }

  const print = (value: Values<M>, style: Style, indent: string): string => {
    const items: string[] = []
    for (const field of fields) {
      const one = (value as { readonly [name: string]: unknown })[field.name]
      if (one !== undefined) items.push(`"${field.name}":${field.member.shape.print(one, style, `${indent}\t`)}`)
    }
    return enclose("{", items, "}", style, indent)
  }

  const pieces = function* (value: Values<M>, style: Style, indent: string): Generator<string, void> {
    const inner = `${indent}\t`
    const lineStart = style.pretty ? `\n${inner}` : ""
    let before = `{${lineStart}`
    for (const { member, name: fieldName } of fields) {
      const one = (value as { readonly [name: string]: unknown })[fieldName]
      if (one === undefined) continue
      yield `${before}"${fieldName}":`
      if (member.shape.pieces === undefined) yield member.shape.print(one, style, inner)
      else yield* member.shape.pieces(one, style, inner)
      before = `,${lineStart}`
    }
    if (before.startsWith("{")) yield "{}"
    else yield style.pretty ? `\n${indent}}` : "}"
  }

  const readParsed = (json: Json | Malformed): Values<M> | Malformed =>
    json instanceof Malformed ? new Malformed(name, json.reason) : read(json)

  const decode = (body: Buffer): Values<M> | Malformed =>
    body.length > sizeMax
      ? new Malformed(name, `${body.length} bytes, at most ${sizeMax}`)
      : readParsed(LenientJson.parseBytes(body))

  return {
    name,
    kind: { type: "record", members },
    Type: undefined as unknown as Values<M>,
    read,
    print,
    pieces,
    decode,
    parse: (source) => readParsed(LenientJson.parse(source)),
    encode: (value, style = legacy) => Buffer.from(print(value, style, ""), "utf8"),
  }
}

/** Records have at most fifteen members; in an object of many more nothing is looked for twice. */
const membersSearched = 64

/** The member by its name, else by one that differs only in case, as Java peers before 5.5.0 find it. */
const find = (json: LenientJson.JsonObject, field: Field): Json | undefined => {
  const exact = LenientJson.member(json, field.name)
  if (exact !== undefined) return exact
  let left = membersSearched
  for (const key in json) {
    if (--left < 0) return undefined
    if (field.lowerCase.has(key.toLowerCase())) return json[key]
  }
  return undefined
}

/** A queue of a topic on a broker. */
export const MessageQueue = record("MessageQueue", { brokerName: text, queueId: int, topic: text })
export type MessageQueue = typeof MessageQueue.Type

/**
 * A map from queues, which JSON cannot hold: fastjson writes the queue as an object where the name should stand. A
 * quoted string of JSON is read as well.
 */
export const queueMap = <T>(of: Shape<T>): Shape<ReadonlyArray<readonly [MessageQueue, T]>> => ({
  kind: { type: "queueMap", of: of as Shape<unknown> },
  read: (json) => {
    const entries = readEntries(of, json, (key) => key)
    if (entries instanceof Malformed) return entries
    const pairs: (readonly [MessageQueue, T])[] = []
    for (const [key, value] of entries) {
      const parsed = LenientJson.parse(key)
      const queue = parsed instanceof Malformed ? parsed : MessageQueue.read(parsed)
      if (queue instanceof Malformed) return queue
      pairs.push([queue, value])
    }
    return pairs
  },
  print: (pairs, style, indent) => printEntries(of, pairs, style, indent, MessageQueue.print),
})
