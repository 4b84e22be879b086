/**
 * JSON as RocketMQ peers write it: fastjson leaves numeric keys unquoted (`{0:"a"}`) and writes maps keyed by objects
 * as `{{"topic":"T"}:1}`. Standard JSON goes through `JSON.parse`; what that refuses is read by a tolerant parser that
 * also takes unquoted names, single quotes, raw control characters, a leading plus, trailing commas and comments.
 *
 * An object used as a key reads as the text it was written as; read it with `parse` again. Nesting is bounded by
 * `depthMax` and the number of values by `valuesMax` before anything is built (promise P11).
 * Source: spec/wire.md, JSON header and JSON body catalogue.
 */
import { Malformed } from "./Malformed.ts"
import * as Utf8 from "./Utf8.ts"

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export type JsonObject = { readonly [name: string]: Json }

/** Deepest nesting that is read. The deepest body of the protocol, static topics in a registration, has eight. */
export const depthMax = 64

/** Most values in one text: a registration of 100,000 topics has 1.2 million. */
export const valuesMax = 2_000_000

/** Copied nodes that the references (`$ref`) of one text may grow to. */
const referencedNodesMax = 100_000

/** Parses the UTF-8 text in `buffer[start, end)`. */
export const parseBytes = (buffer: Buffer, start = 0, end = buffer.length): Json | Malformed => {
  const excess = guard(buffer, start, end)
  if (excess !== undefined) return new Malformed("Json", excess)
  const text = Utf8.read(buffer, start, end)
  return text === undefined ? new Malformed("Json", "not UTF-8") : parse(text)
}

/** Parses one text that is no longer than what `guard` let through. */
export const parse = (text: string): Json | Malformed => {
  const value = parseText(text)
  return !(value instanceof Malformed) && text.includes("$ref") ? expand(value) : value
}

/** As `parse`, but `$ref` members stay as they are: for headers, where no peer writes them. */
export const parseText = (text: string): Json | Malformed => {
  try {
    return JSON.parse(text) as Json
  } catch {
    return new Parser(text).document()
  }
}

/** Why a text is too large to be built: nesting or number of values; undefined if it is not. Allocates nothing. */
export const guard = (buffer: Buffer, start: number, end: number): string | undefined => {
  let depth = 0
  let values = 0
  let quote = 0
  for (let index = start; index < end; index++) {
    const byte = buffer[index]
    if (quote !== 0) {
      if (byte === 0x5c) index++
      else if (byte === quote) quote = 0
    } else if (byte === 0x22 || byte === 0x27) quote = byte
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > depthMax) return `nested deeper than ${depthMax}`
      if (++values > valuesMax) return `more than ${valuesMax} values`
    } else if (byte === 0x7d || byte === 0x5d) depth--
    else if (byte === 0x2c && ++values > valuesMax) return `more than ${valuesMax} values`
  }
  return undefined
}

/** A member that the object itself holds: never what its prototype has under that name. */
export const member = (object: JsonObject, name: string): Json | undefined =>
  Object.hasOwn(object, name) ? object[name] : undefined

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Sets a member of an object under construction; `__proto__` is a name like any other. */
export const set = (object: { [name: string]: Json }, name: string, value: Json): void => {
  if (name === "__proto__")
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  else object[name] = value
}

class Refused extends Error {}

const nameStart = /[A-Za-z_$@]/
const number = /[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y
const name = /[A-Za-z0-9_$@.-]+/y
const blank = /(?:[ \t\r\n\f]+|\/\*[^]*?\*\/|\/\/[^\n]*)*/y
const escapes: { readonly [letter: string]: string } = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
}

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): Json | Malformed {
    try {
      const value = this.#value(0)
      this.#skipBlank()
      if (this.#at < this.#text.length) return this.#malformed("text after the end")
      return value
    } catch (error) {
      if (error instanceof Refused) return this.#malformed(error.message)
      throw error
    }
  }

  #malformed(reason: string): Malformed {
    return new Malformed("Json", `${reason} at character ${this.#at}`)
  }

  #value(depth: number): Json {
    if (depth > depthMax) throw new Refused(`nested deeper than ${depthMax}`)
    this.#skipBlank()
    const first = this.#text[this.#at]
    if (first === "{") return this.#object(depth)
    if (first === "[") return this.#array(depth)
    if (first === '"' || first === "'") return this.#string(first)
    if (first !== undefined && nameStart.test(first)) return this.#word()
    return Number(this.#match(number, "a value"))
  }

  #word(): Json {
    const word = this.#match(name, "a value")
    if (word === "null") return null
    if (word === "true") return true
    if (word === "false") return false
    throw new Refused("unknown word")
  }

  #object(depth: number): Json {
    const object: { [name: string]: Json } = {}
    this.#at++
    for (;;) {
      this.#skipBlank()
      if (this.#take("}")) return object
      const key = this.#key(depth)
      this.#skipBlank()
      if (!this.#take(":")) throw new Refused("no colon")
      set(object, key, this.#value(depth + 1))
      this.#skipBlank()
      if (this.#take(",")) continue
      if (!this.#take("}")) throw new Refused("no end of object")
      return object
    }
  }

  #key(depth: number): string {
    const start = this.#at
    const first = this.#text[start]
    if (first === '"' || first === "'") return this.#string(first)
    if (first !== "{") return this.#match(name, "a name")
    this.#value(depth + 1)
    return this.#text.slice(start, this.#at)
  }

  #array(depth: number): Json {
    const array: Json[] = []
    this.#at++
    for (;;) {
      this.#skipBlank()
      if (this.#take("]")) return array
      array.push(this.#value(depth + 1))
      this.#skipBlank()
      if (this.#take(",")) continue
      if (!this.#take("]")) throw new Refused("no end of array")
      return array
    }
  }

  #string(quote: string): string {
    let result = ""
    let from = ++this.#at
    for (;;) {
      const char = this.#text[this.#at]
      if (char === undefined) throw new Refused("no end of string")
      if (char === quote) {
        result += this.#text.slice(from, this.#at++)
        return result
      }
      if (char === "\\") {
        result += this.#text.slice(from, this.#at) + this.#escape()
        from = this.#at
      } else this.#at++
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? ""
    this.#at += 2
    if (letter !== "u" && letter !== "x") return escapes[letter] ?? letter
    const digits = this.#text.slice(this.#at, this.#at + (letter === "u" ? 4 : 2))
    if (!/^(?:[0-9A-Fa-f]{2}){1,2}$/.test(digits)) throw new Refused("bad escape")
    this.#at += digits.length
    return String.fromCharCode(Number.parseInt(digits, 16))
  }

  #match(pattern: RegExp, wanted: string): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found === undefined || found === "") throw new Refused(`no ${wanted.replace(/^an? /, "")}`)
    this.#at += found.length
    return found
  }

  #skipBlank(): void {
    blank.lastIndex = this.#at
    this.#at += blank.exec(this.#text)?.[0].length ?? 0
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }
}

/**
 * Replaces `{"$ref":"$.a.b[0]"}` by a copy of what it points at: fastjson 1 writes the second occurrence of one object
 * so. A reference to something that holds references, or to nothing, is refused; so are copies beyond a bound.
 */
const expand = (root: Json): Json | Malformed => {
  let budget = referencedNodesMax
  const copy = (value: Json): Json => {
    if (--budget < 0) throw new Refused("references grow too large")
    if (Array.isArray(value)) return value.map(copy)
    if (!isObject(value)) return value
    if (member(value, "$ref") !== undefined) throw new Refused("a reference to a reference")
    return mapObject(value, copy)
  }
  const walk = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(walk)
    if (!isObject(value)) return value
    const path = member(value, "$ref")
    if (path === undefined) return mapObject(value, walk)
    const target = typeof path === "string" ? resolve(root, path) : undefined
    if (target === undefined) throw new Refused("a reference to nothing")
    return copy(target)
  }
  try {
    return walk(root)
  } catch (error) {
    if (error instanceof Refused) return new Malformed("Json", error.message)
    throw error
  }
}

const mapObject = (object: JsonObject, change: (value: Json) => Json): Json => {
  const result: { [name: string]: Json } = {}
  for (const [key, value] of Object.entries(object)) set(result, key, change(value))
  return result
}

const resolve = (root: Json, path: string): Json | undefined => {
  if (!path.startsWith("$")) return undefined
  let value: Json | undefined = root
  for (const step of path.slice(1).split(/[.[\]]+/)) {
    if (step === "") continue
    if (Array.isArray(value)) value = value[Number(step)] as Json | undefined
    else value = isObject(value) ? member(value, step) : undefined
  }
  return value
}
