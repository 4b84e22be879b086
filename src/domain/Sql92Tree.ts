/**
 * SQL92 filter expressions as trees: the grammar, and the checks that are made before any message is seen.
 *
 *   expression := and { OR and }
 *   and        := equality { AND equality }
 *   equality   := comparison { ("=" | "<>") comparison | IS [NOT] NULL }
 *   comparison := unary { (">" | ">=" | "<" | "<=") unary | [NOT] BETWEEN unary AND unary
 *                       | [NOT] (CONTAINS | STARTSWITH | ENDSWITH) text | [NOT] IN "(" text { "," text } ")" }
 *   unary      := ("+" | "-" | NOT) unary | primary
 *   primary    := text | integer | float | TRUE | FALSE | NULL | name | "(" expression ")"
 *
 * What follows a complete expression is not read beyond its next word, as in RocketMQ: `rest` says where it begins.
 *
 * Laws (test/model/domain/Sql92.test.ts)
 *   placed    a fault says where in the expression it lies, and what was expected there
 *   bounded   no expression is nested deeper than `depthMax`, longer than `lengthMax`, or has more than `namesMax` names
 * Source: behaviour of RocketMQ 5.5.0 (SelectorParser, ComparisonExpression, UnaryExpression).
 */
import * as JavaNumber from "./JavaNumber.ts"
import { type Token, read } from "./Sql92Token.ts"

/** An expression is a sentence that people write: all of it is read again with each subscription. */
export const lengthMax = 16_384
/** Trees are walked by recursion. */
export const depthMax = 256
/** Each name is looked for in each message. */
export const namesMax = 256

export type Order = "<" | "<=" | ">" | ">="
export type Search = "CONTAINS" | "STARTSWITH" | "ENDSWITH"

/** A node that is true, false or unknown. */
export type Condition =
  /** TRUE, FALSE, and NULL as undefined. */
  | { readonly kind: "Truth"; readonly value: boolean | undefined; readonly depth: number }
  /** A property where a condition is asked for: it is text, so this is false, or unknown when it is missing. */
  | { readonly kind: "Cast"; readonly of: Property; readonly depth: number }
  | { readonly kind: "Not"; readonly of: Condition; readonly depth: number }
  | { readonly kind: "And" | "Or"; readonly of: ReadonlyArray<Condition>; readonly depth: number }
  /** Also `IS NULL`, as a comparison with the Truth undefined. */
  | { readonly kind: "Equal"; readonly left: Node; readonly right: Node; readonly depth: number }
  | {
      readonly kind: "Order"
      readonly order: Order
      readonly left: Node
      readonly right: Node
      readonly depth: number
    }
  | {
      readonly kind: "Between"
      readonly of: Node
      readonly low: Node
      readonly high: Node
      readonly isNot: boolean
      readonly depth: number
    }
  | {
      readonly kind: "In"
      readonly of: Property
      readonly values: ReadonlySet<string>
      readonly isNot: boolean
      readonly depth: number
    }
  | {
      readonly kind: "Search"
      readonly search: Search
      readonly of: Node
      readonly text: string
      readonly isNot: boolean
      readonly depth: number
    }

/** The text of a property; `index` is its place in `Tree.names`. */
export interface Property {
  readonly kind: "Property"
  readonly index: number
  readonly depth: number
}

export type Node =
  | Condition
  | Property
  | { readonly kind: "Text"; readonly value: string; readonly depth: number }
  /** `type` is the narrowest that a literal fits; a Long is a number as long as it is exact. */
  | {
      readonly kind: "Number"
      readonly type: "Integer" | "Long" | "Double"
      readonly value: number | bigint
      readonly depth: number
    }
  | { readonly kind: "Negate"; readonly of: Node; readonly depth: number }

export interface Tree {
  readonly root: Condition
  /** The properties that the expression asks for, each once. */
  readonly names: ReadonlyArray<string>
  /** Where the expression goes on after what was read; undefined when it was read to its end. */
  readonly rest: number | undefined
}

/** Why an expression is none, and where: `at` in UTF-16 units from 0, `line` and `column` from 1. */
export interface Fault {
  readonly _tag: "Sql92Fault"
  readonly at: number
  readonly line: number
  readonly column: number
  readonly reason: string
}

/** Reads an expression. */
export const parse = (expression: string): Tree | Fault => {
  if (expression.length > lengthMax)
    return faultAt(expression, lengthMax, `it is longer than ${lengthMax} characters: shorten it`)
  const reader = new Reader(expression)
  const root = reader.condition()
  // The next word is looked at even when nothing is expected any more: it must be one.
  if (root === undefined || reader.fault !== undefined) return reader.fault!
  const { kind, start } = reader.token
  return { names: [...reader.names.keys()], rest: kind === "end" ? undefined : start, root }
}

export const isFault = (parsed: Tree | Fault): parsed is Fault => "_tag" in parsed

/** One line: where, and why. */
export const printFault = (fault: Fault): string =>
  `SQL92 expression, line ${fault.line} column ${fault.column}: ${fault.reason}`

const faultAt = (expression: string, at: number, reason: string): Fault => {
  let line = 1
  let lineStart = 0
  for (let i = 0; i < at; i++) {
    if (expression.charCodeAt(i) !== 0x0a) continue
    line++
    lineStart = i + 1
  }
  return { _tag: "Sql92Fault", at, column: at - lineStart + 1, line, reason }
}

/** Reads by recursive descent. A method answers undefined once there is a fault, and every caller then does too. */
class Reader {
  readonly #expression: string
  token: Token
  fault: Fault | undefined
  readonly names = new Map<string, Property>()
  /** Parentheses and signs around the place. */
  #nesting = 0

  constructor(expression: string) {
    this.#expression = expression
    this.token = { end: 0, kind: "end", start: 0, text: "" }
    this.#next()
  }

  condition(): Condition | undefined {
    const start = this.token.start
    return this.#asCondition(this.#or(), start)
  }

  #or(): Node | undefined {
    return this.#joined("OR", "Or", () => this.#and())
  }

  #and(): Node | undefined {
    return this.#joined("AND", "And", () => this.#equality())
  }

  #joined(keyword: "AND" | "OR", kind: "And" | "Or", operand: () => Node | undefined): Node | undefined {
    const start = this.token.start
    const first = operand()
    if (first === undefined || this.token.kind !== keyword) return first
    const left = this.#asCondition(first, start)
    if (left === undefined) return undefined
    const of = [left]
    while (this.#take(keyword)) {
      const from = this.token.start
      const right = this.#asCondition(operand(), from)
      if (right === undefined) return undefined
      of.push(right)
    }
    if (this.fault !== undefined) return undefined
    return this.#bounded({ depth: 1 + Math.max(...of.map(({ depth }) => depth)), kind, of }, start)
  }

  #equality(): Node | undefined {
    const start = this.token.start
    let left = this.#comparison()
    while (left !== undefined && this.fault === undefined) {
      const { kind, start: at } = this.token
      if (kind === "=" || kind === "<>") {
        this.#next()
        const from = this.token.start
        const right = this.#comparison()
        if (right === undefined) return undefined
        if (isNull(left)) return this.#fail(start, nullCompared)
        if (isNull(right)) return this.#fail(from, nullCompared)
        if (left.kind === "Truth" && isLiteral(right) && right.kind !== "Truth")
          return this.#fail(at, "TRUE and FALSE cannot be compared with a text or number")
        const equal: Condition = { depth: deeper(left, right), kind: "Equal", left, right }
        left = this.#bounded(kind === "=" ? equal : not(equal), start)
      } else if (kind === "IS") {
        this.#next()
        const isNot = this.#take("NOT")
        if (!this.#expect("NULL", isNot ? "NULL after IS NOT" : "NULL or NOT NULL after IS")) return undefined
        const equal: Condition = { depth: left.depth + 1, kind: "Equal", left, right: unknown }
        left = this.#bounded(isNot ? not(equal) : equal, start)
      } else return left
    }
    return this.fault === undefined ? left : undefined
  }

  #comparison(): Node | undefined {
    const start = this.token.start
    let left = this.#unary()
    while (left !== undefined && this.fault === undefined) {
      const { kind } = this.token
      if (kind === "<" || kind === "<=" || kind === ">" || kind === ">=") {
        this.#next()
        const from = this.token.start
        const right = this.#unary()
        if (right === undefined || !this.#isOrdered(left, start) || !this.#isOrdered(right, from)) return undefined
        left = this.#bounded({ depth: deeper(left, right), kind: "Order", left, order: kind, right }, start)
        continue
      }
      const isNot = this.#take("NOT")
      const word = this.token.kind
      if (word === "BETWEEN") left = this.#between(left, start, isNot)
      else if (word === "IN") left = this.#in(left, start, isNot)
      else if (word === "CONTAINS" || word === "STARTSWITH" || word === "ENDSWITH")
        left = this.#search(left, word, start, isNot)
      else if (isNot) return this.#unexpected("BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH after NOT")
      else return left
    }
    return this.fault === undefined ? left : undefined
  }

  #between(of: Node, start: number, isNot: boolean): Node | undefined {
    this.#next()
    const lowAt = this.token.start
    const low = this.#unary()
    if (low === undefined || !this.#expect("AND", "AND between the bounds of BETWEEN")) return undefined
    const highAt = this.token.start
    const high = this.#unary()
    if (high === undefined) return undefined
    if (!this.#isOrdered(of, start) || !this.#isOrdered(low, lowAt) || !this.#isOrdered(high, highAt)) return undefined
    if (!isNot && low.kind === "Number" && high.kind === "Number" && low.value > high.value)
      return this.#fail(lowAt, `the bounds of BETWEEN are turned round: ${low.value} is more than ${high.value}`)
    const depth = 1 + Math.max(of.depth, low.depth, high.depth)
    return this.#bounded({ depth, high, isNot, kind: "Between", low, of }, start)
  }

  #in(of: Node, start: number, isNot: boolean): Node | undefined {
    this.#next()
    if (!this.#expect("(", "( after IN")) return undefined
    const values = new Set<string>()
    do {
      const value = this.#text("a text in the list of IN, such as 'a'")
      if (value === undefined) return undefined
      values.add(value)
    } while (this.#take(","))
    if (!this.#expect(")", ", or ) in the list of IN")) return undefined
    if (of.kind !== "Property") return this.#fail(start, "only a property can be IN a list")
    return { depth: 2, isNot, kind: "In", of, values }
  }

  #search(of: Node, search: Search, start: number, isNot: boolean): Node | undefined {
    this.#next()
    const text = this.#text(`a text after ${search}, such as 'a'`)
    if (text === undefined) return undefined
    return this.#bounded({ depth: of.depth + 1, isNot, kind: "Search", of, search, text }, start)
  }

  #unary(): Node | undefined {
    const { kind, start } = this.token
    if (kind !== "+" && kind !== "-" && kind !== "NOT") return this.#primary()
    if (!this.#enter()) return undefined
    this.#next()
    const from = this.token.start
    const operand = this.#unary()
    this.#nesting--
    if (operand === undefined || kind === "+") return operand
    if (kind === "-") return { depth: operand.depth + 1, kind: "Negate", of: operand }
    const condition = this.#asCondition(operand, from)
    return condition === undefined ? undefined : this.#bounded(not(condition), start)
  }

  #primary(): Node | undefined {
    const { kind, start, text } = this.token
    switch (kind) {
      case "TRUE":
      case "FALSE":
        this.#next()
        return { depth: 1, kind: "Truth", value: kind === "TRUE" }
      case "NULL":
        this.#next()
        return unknown
      case "text":
        this.#next()
        return { depth: 1, kind: "Text", value: text }
      case "integer":
        this.#next()
        return this.#integer(text, start)
      case "float": {
        this.#next()
        const value = Number(text)
        if (value === 0 || value === Infinity)
          return this.#fail(
            start,
            `${text} is no double: it must be between ${Number.MIN_VALUE} and ${Number.MAX_VALUE}`,
          )
        return { depth: 1, kind: "Number", type: "Double", value }
      }
      case "name":
        this.#next()
        return this.#property(text, start)
      case "(": {
        if (!this.#enter()) return undefined
        this.#next()
        const inner = this.#or()
        this.#nesting--
        if (inner === undefined || !this.#expect(")", ") or what continues the expression")) return undefined
        return inner
      }
      default:
        return this.#unexpected("a property, a text, a number, TRUE, FALSE, NULL or (")
    }
  }

  #integer(text: string, start: number): Node | undefined {
    const isLong = text.endsWith("L") || text.endsWith("l")
    const value = JavaNumber.parseInt64(isLong ? text.slice(0, -1) : text)
    if (value === undefined) return this.#fail(start, `${text} is no integer: the largest is ${JavaNumber.longMax}`)
    // The suffix is read and then forgotten: what fits an int is one.
    return { depth: 1, kind: "Number", type: value <= JavaNumber.intMax ? "Integer" : "Long", value }
  }

  #property(name: string, start: number): Node | undefined {
    const known = this.names.get(name)
    if (known !== undefined) return known
    if (this.names.size >= namesMax)
      return this.#fail(start, `it asks for more than ${namesMax} properties: ask for fewer`)
    const property: Property = { depth: 1, index: this.names.size, kind: "Property" }
    this.names.set(name, property)
    return property
  }

  #asCondition(node: Node | undefined, start: number): Condition | undefined {
    if (node === undefined || this.fault !== undefined) return undefined
    switch (node.kind) {
      case "Property":
        return { depth: 2, kind: "Cast", of: node }
      case "Text":
      case "Number":
      case "Negate":
        return this.#fail(start, "a condition is needed here, and this is a value: compare it with something")
      default:
        return node
    }
  }

  #isOrdered(node: Node, start: number): boolean {
    if (node.kind === "Property" || node.kind === "Number" || node.kind === "Negate") return true
    this.#fail(
      start,
      node.kind === "Text"
        ? "a text has no order: compare with a number"
        : "a condition has no order: compare properties and numbers",
    )
    return false
  }

  #text(expected: string): string | undefined {
    const { kind, text } = this.token
    if (kind !== "text") return this.#unexpected(expected)
    this.#next()
    return this.fault === undefined ? text : undefined
  }

  #take(kind: Token["kind"]): boolean {
    if (this.fault !== undefined || this.token.kind !== kind) return false
    this.#next()
    return true
  }

  #expect(kind: Token["kind"], expected: string): boolean {
    if (this.fault !== undefined) return false
    if (this.token.kind !== kind) {
      this.#unexpected(expected)
      return false
    }
    this.#next()
    return this.fault === undefined
  }

  #next(): void {
    const token = read(this.#expression, this.token.end)
    if (token.kind === "unreadable") this.#fail(token.at, token.reason)
    else this.token = token
  }

  #enter(): boolean {
    this.#nesting++
    if (this.#nesting < depthMax) return true
    this.#fail(this.token.start, tooDeep)
    return false
  }

  #bounded(node: Condition, start: number): Condition | undefined {
    return node.depth > depthMax ? this.#fail(start, tooDeep) : node
  }

  #unexpected(expected: string): undefined {
    const { kind, start, end } = this.token
    const found = kind === "end" ? "the end" : this.#expression.slice(start, Math.min(end, start + 40))
    return this.#fail(start, `expected ${expected}, found ${found}`)
  }

  /** Keeps the first fault: what comes after it follows from it. */
  #fail(at: number, reason: string): undefined {
    this.fault ??= faultAt(this.#expression, at, reason)
    return undefined
  }
}

const unknown: Condition = { depth: 1, kind: "Truth", value: undefined }

const nullCompared = "NULL cannot be compared: ask with IS NULL or IS NOT NULL"
const tooDeep = `it is nested deeper than ${depthMax}: simplify it`

const not = (of: Condition): Condition => ({ depth: of.depth + 1, kind: "Not", of })

const deeper = (left: Node, right: Node): number => 1 + Math.max(left.depth, right.depth)

const isNull = (node: Node): boolean => node.kind === "Truth" && node.value === undefined

const isLiteral = (node: Node): boolean => node.kind === "Truth" || node.kind === "Text" || node.kind === "Number"
