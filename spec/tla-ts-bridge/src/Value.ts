/**
 * TLA+ values as TLC prints and reads them.
 *
 *   round trip   `parseValue(printValue(v))` is `v`, for every value that `normal` leaves as it is
 *   canonical    two texts of equal values have the same canonical text, whatever order TLC printed sets and fields in
 *
 * Numbers, strings and booleans stand for themselves. A function on `1..n` is a sequence and a function on strings is a
 * record, as in TLA+ itself: `normal` turns the one form into the other, so that equal values have one form.
 */
export type Value = number | string | boolean | ModelValue | SetValue | SeqValue | RecordValue | FunctionValue

/** A constant of the model that equals only itself, such as `m1`. */
export type ModelValue = { readonly _tag: "Model"; readonly name: string }
export type SetValue = { readonly _tag: "Set"; readonly items: ReadonlyArray<Value> }
export type SeqValue = { readonly _tag: "Seq"; readonly items: ReadonlyArray<Value> }
export type RecordValue = { readonly _tag: "Record"; readonly fields: Readonly<Record<string, Value>> }
export type FunctionValue = { readonly _tag: "Function"; readonly pairs: ReadonlyArray<readonly [Value, Value]> }

/** The text is not a TLA+ value. `position` is the index of the first character that does not fit. */
export class ValueError extends Error {
  override readonly name = "ValueError"
  readonly _tag = "ValueError"
  readonly position: number
  constructor(text: string, position: number, expected: string) {
    const rest = text.slice(position, position + 30)
    super(`expected ${expected} at ${position}, found ${rest === "" ? "the end" : JSON.stringify(rest)}`)
    this.position = position
  }
}

export const modelValue = (name: string): ModelValue => ({ _tag: "Model", name })
export const setOf = (items: Iterable<Value>): SetValue => ({ _tag: "Set", items: [...items] })
export const seqOf = (items: Iterable<Value>): SeqValue => ({ _tag: "Seq", items: [...items] })
export const recordOf = (fields: Readonly<Record<string, Value>>): RecordValue => ({ _tag: "Record", fields })
export const functionOf = (pairs: Iterable<readonly [Value, Value]>): FunctionValue => ({
  _tag: "Function",
  pairs: [...pairs],
})

/** An interval is printed as `1..3`; longer ones are refused rather than spelled out. */
const intervalMax = 100_000

/** Reads one value; throws a ValueError if the text is anything else. */
export const parseValue = (text: string): Value => {
  const cursor = new Cursor(text)
  const value = cursor.value()
  cursor.end()
  return value
}

class Cursor {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  value(): Value {
    this.#space()
    const text = this.#text
    const start = text[this.#at]
    if (start === '"') return this.#string()
    if (start === "{") return setOf(this.#items("{", "}"))
    if (start === "[") return this.#record()
    if (start === "(") return this.#function()
    if (text.startsWith("<<", this.#at)) return seqOf(this.#items("<<", ">>"))
    if (start !== undefined && /[-0-9]/.test(start)) return this.#number()
    const word = this.#word("a value")
    if (word === "TRUE") return true
    if (word === "FALSE") return false
    return modelValue(word)
  }

  end(): void {
    this.#space()
    if (this.#at < this.#text.length) throw this.#error("the end")
  }

  #error(expected: string): ValueError {
    return new ValueError(this.#text, this.#at, expected)
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++
  }

  #take(token: string): boolean {
    this.#space()
    if (!this.#text.startsWith(token, this.#at)) return false
    this.#at += token.length
    return true
  }

  #expect(token: string): void {
    if (!this.#take(token)) throw this.#error(`"${token}"`)
  }

  #match(pattern: RegExp, expected: string): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found === undefined) throw this.#error(expected)
    this.#at += found.length
    return found
  }

  #word(expected: string): string {
    this.#space()
    return this.#match(/[A-Za-z0-9_]*[A-Za-z_][A-Za-z0-9_]*/y, expected)
  }

  #string(): string {
    const at = this.#at
    const quoted = this.#match(/"(?:[^"\\]|\\.)*"/y, "a string")
    try {
      return JSON.parse(quoted) as string
    } catch {
      throw new ValueError(this.#text, at, "a string with known escapes")
    }
  }

  #number(): Value {
    const low = Number(this.#match(/-?[0-9]+/y, "a number"))
    if (!this.#take("..")) return low
    this.#space()
    const high = Number(this.#match(/-?[0-9]+/y, "a number"))
    if (high - low >= intervalMax) throw this.#error(`an interval of at most ${intervalMax} numbers`)
    return setOf(Array.from({ length: Math.max(0, high - low + 1) }, (_, i) => low + i))
  }

  #items(open: string, close: string): Array<Value> {
    this.#expect(open)
    const items: Array<Value> = []
    if (this.#take(close)) return items
    do items.push(this.value())
    while (this.#take(","))
    this.#expect(close)
    return items
  }

  #record(): RecordValue {
    this.#expect("[")
    const fields: Record<string, Value> = {}
    do {
      const name = this.#word("a field")
      this.#expect("|->")
      fields[name] = this.value()
    } while (this.#take(","))
    this.#expect("]")
    return recordOf(fields)
  }

  #function(): FunctionValue {
    this.#expect("(")
    const pairs: Array<readonly [Value, Value]> = []
    do {
      const key = this.value()
      this.#expect(":>")
      pairs.push([key, this.value()])
    } while (this.#take("@@"))
    this.#expect(")")
    return functionOf(pairs)
  }
}

/** TLA+ text of the value, in the order in which it is given. A function needs `EXTENDS TLC` (`:>` and `@@`). */
export const printValue = (value: Value): string => {
  if (typeof value === "number") return String(value)
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "boolean") return value ? "TRUE" : "FALSE"
  switch (value._tag) {
    case "Model":
      return value.name
    case "Set":
      return `{${value.items.map(printValue).join(", ")}}`
    case "Seq":
      return `<<${value.items.map(printValue).join(", ")}>>`
    case "Record":
      return `[${Object.entries(value.fields)
        .map(([name, field]) => `${name} |-> ${printValue(field)}`)
        .join(", ")}]`
    case "Function":
      return value.pairs.length === 0
        ? "<<>>"
        : `(${value.pairs.map(([key, image]) => `${printValue(key)} :> ${printValue(image)}`).join(" @@ ")})`
  }
}

/** One text for all texts of a value: compare these. */
export const canonical = (value: Value): string => printValue(normal(value))

const fieldName = /^[A-Za-z0-9_]*[A-Za-z_][A-Za-z0-9_]*$/

/** Sets sorted and without doubles, fields sorted, functions on `1..n` as sequences and on strings as records. */
export const normal = (value: Value): Value => {
  if (typeof value !== "object") return value
  switch (value._tag) {
    case "Model":
      return value
    case "Set":
      return setOf(sorted(value.items.map(normal), (item) => item))
    case "Seq":
      return seqOf(value.items.map(normal))
    case "Record": {
      const entries = Object.entries(value.fields).map(([name, field]) => [name, normal(field)] as const)
      return entries.length === 0 ? seqOf([]) : recordOf(Object.fromEntries(sorted(entries, ([name]) => name)))
    }
    case "Function": {
      const pairs = sorted(
        value.pairs.map(([key, image]) => [normal(key), normal(image)] as const),
        ([key]) => key,
      )
      if (pairs.every(([key], i) => key === i + 1)) return seqOf(pairs.map(([, image]) => image))
      if (pairs.every(([key]) => typeof key === "string" && fieldName.test(key)))
        return recordOf(Object.fromEntries(pairs.map(([key, image]) => [key as string, image])))
      return functionOf(pairs)
    }
  }
}

/** Sorts by the key's canonical text, numbers by size, and keeps the first of equal keys. */
const sorted = <A>(items: ReadonlyArray<A>, keyOf: (item: A) => Value): Array<A> => {
  const keyed = items.map((item) => {
    const key = keyOf(item)
    return { item, key, text: printValue(key) }
  })
  keyed.sort((a, b) => {
    if (typeof a.key === "number" && typeof b.key === "number") return a.key - b.key
    if (a.text === b.text) return 0
    return a.text < b.text ? -1 : 1
  })
  return keyed.filter(({ text }, i) => text !== keyed[i - 1]?.text).map(({ item }) => item)
}
