/**
 * SQL92 filters: conditions over the properties of a message, which are text or missing. A filter is compiled once per
 * subscription and tested once per message.
 *
 *   const filter = Sql92.compile("region = 'hangzhou' AND price BETWEEN 10 AND 20")
 *   if (Sql92.isFilter(filter)) Sql92.matches(filter, Sql92.viewOf(filter, new Map([["region", "hangzhou"], ...])))
 *
 * Logic has three values: what compares with a missing property is unknown, and only what is true is delivered. A
 * comparison whose text is not a number of the other side's type fails, and the whole filter with it, unless AND or OR
 * was decided before.
 *
 * Laws (test/model/domain/Sql92.test.ts)
 *   same      every expression has the answer that RocketMQ 5.5.0 gives
 *   de Morgan NOT (x AND y) is NOT x OR NOT y, in all three values
 *   twice     a filter holds no state: the same properties give the same answer
 *   once      each comparison is made at most once per message, so a test costs no more than the expression is long
 * Source: behaviour of RocketMQ 5.5.0 (ComparisonExpression, LogicExpression, UnaryExpression).
 */
import * as JavaNumber from "./JavaNumber.ts"
import * as Tree from "./Sql92Tree.ts"

export { isFault, lengthMax, printFault } from "./Sql92Tree.ts"
export type { Fault } from "./Sql92Tree.ts"

/** Properties of one message, by their places in `Filter.names`; undefined is missing. */
export interface PropertyView {
  readonly text: (index: number) => string | undefined
}

/** What a test comes to. Numbers, because a message must not cost an object. */
export const Truth = { no: 0, yes: 1, unknown: 2, failed: 3 } as const
export type Truth = (typeof Truth)[keyof typeof Truth]

type Test = (view: PropertyView) => Truth

export interface Filter {
  readonly expression: string
  /** The properties that it asks for. */
  readonly names: ReadonlyArray<string>
  /** Where the expression goes on after what counts; undefined when all of it counts. */
  readonly rest: number | undefined
  readonly test: Test
}

/** Compiles an expression, or says where and why it is none. */
export const compile = (expression: string): Filter | Tree.Fault => {
  const tree = Tree.parse(expression)
  if (Tree.isFault(tree)) return tree
  return { expression, names: tree.names, rest: tree.rest, test: condition(tree.root) }
}

export const isFilter = (compiled: Filter | Tree.Fault): compiled is Filter => "test" in compiled

/** Whether a message is delivered. */
export const matches = (filter: Filter, view: PropertyView): boolean => filter.test(view) === Truth.yes

/** A view of properties that are in a map already. */
export const viewOf = (filter: Filter, properties: ReadonlyMap<string, string>): PropertyView => ({
  text: (index) => properties.get(filter.names[index] ?? ""),
})

const truthOf = (value: boolean): Truth => (value ? Truth.yes : Truth.no)

const negated = (truth: Truth): Truth => (truth === Truth.yes ? Truth.no : truth === Truth.no ? Truth.yes : truth)

const condition = (node: Tree.Condition): Test => {
  switch (node.kind) {
    case "Truth": {
      const value = node.value === undefined ? Truth.unknown : truthOf(node.value)
      return () => value
    }
    case "Cast": {
      const { index } = node.of
      return (view) => (view.text(index) === undefined ? Truth.unknown : Truth.no)
    }
    case "Not": {
      const of = condition(node.of)
      return (view) => negated(of(view))
    }
    case "And":
      return joined(node.of.map(condition), Truth.no)
    case "Or":
      return joined(node.of.map(condition), Truth.yes)
    case "Equal":
      return equal(operand(node.left), operand(node.right))
    case "Order":
      return ordered(operand(node.left), operand(node.right), node.order)
    case "Between":
      return between(node)
    case "In": {
      const { isNot, values } = node
      const { index } = node.of
      return (view) => {
        const text = view.text(index)
        return text === undefined ? Truth.unknown : truthOf(values.has(text) !== isNot)
      }
    }
    case "Search":
      return searched(node)
  }
}

/** AND stops at the first `decided` no, OR at the first yes; a failure before that is the answer. */
const joined =
  (of: ReadonlyArray<Test>, decided: Truth): Test =>
  (view) => {
    let answer = negated(decided)
    for (const test of of) {
      const truth = test(view)
      if (truth === decided || truth === Truth.failed) return truth
      if (truth === Truth.unknown) answer = truth
    }
    return answer
  }

/** A side of a comparison. What it is, is known when it is compiled; only texts and conditions depend on the message. */
type Operand =
  | { readonly kind: "Text"; readonly read: (view: PropertyView) => string | undefined }
  | { readonly kind: "Number"; readonly type: "Integer" | "Long" | "Double"; readonly value: number | bigint }
  | { readonly kind: "Condition"; readonly test: Test }
  /** Never has a value: the negative of what is no number. What it was made of may still fail. */
  | { readonly kind: "Nothing"; readonly test: Test | undefined }

const operand = (node: Tree.Node): Operand => {
  switch (node.kind) {
    case "Property": {
      const { index } = node
      return { kind: "Text", read: (view) => view.text(index) }
    }
    case "Text": {
      const { value } = node
      return { kind: "Text", read: () => value }
    }
    case "Number":
      return { kind: "Number", type: node.type, value: node.value }
    case "Negate": {
      const of = operand(node.of)
      switch (of.kind) {
        case "Number":
          return { kind: "Number", type: of.type, value: negative(of) }
        case "Text":
          return { kind: "Nothing", test: undefined }
        default:
          return { kind: "Nothing", test: of.test }
      }
    }
    default:
      return { kind: "Condition", test: condition(node) }
  }
}

/** Only a double has two zeros. */
const negative = ({ type, value }: Extract<Operand, { readonly kind: "Number" }>): number | bigint =>
  value === 0 && type !== "Double" ? 0 : -value

const equal = (left: Operand, right: Operand): Test => {
  if (left.kind === "Text" && right.kind === "Text") {
    const { read } = left
    const { read: readRight } = right
    return (view) => {
      const text = read(view)
      const other = readRight(view)
      if (text === undefined) return other === undefined ? Truth.yes : Truth.unknown
      return other === undefined ? Truth.no : truthOf(text === other)
    }
  }
  if (left.kind === "Text" && right.kind === "Number") {
    const compare = comparing(right)
    return (view) => {
      const text = left.read(view)
      return text === undefined ? Truth.unknown : sameOrFailed(compare(text))
    }
  }
  if (left.kind === "Number" && right.kind === "Text") {
    const compare = comparing(left)
    return (view) => {
      const text = right.read(view)
      return text === undefined ? Truth.no : sameOrFailed(compare(text))
    }
  }
  if (left.kind === "Number" && right.kind === "Number") {
    const answer = truthOf(compareNumbers(left, right) === 0)
    return () => answer
  }
  return equalSlowly(left, right)
}

const sameOrFailed = (compared: number): Truth => (Number.isNaN(compared) ? Truth.failed : truthOf(compared === 0))

/** Where a condition, or what never has a value, is compared: first both sides are worked out, then they are looked at. */
const equalSlowly = (left: Operand, right: Operand): Test => {
  const valueOfLeft = valueOf(left)
  const valueOfRight = valueOf(right)
  return (view) => {
    const value = valueOfLeft(view)
    if (value === Truth.failed) return Truth.failed
    const other = valueOfRight(view)
    if (other === Truth.failed) return Truth.failed
    if (value === undefined) return other === undefined ? Truth.yes : Truth.unknown
    if (other === undefined) return Truth.no
    if (left.kind === "Condition" && right.kind === "Text") return Truth.failed
    if (left.kind === "Text" && right.kind === "Condition")
      return truthOf((String(value).toLowerCase() === "true") === other)
    return truthOf(left.kind === right.kind && value === other)
  }
}

type Value = string | number | bigint | boolean | undefined

/** The value of a side; `Truth.failed` stands for a failure, and cannot be mistaken: numbers answer a bigint here. */
const valueOf = (side: Operand): ((view: PropertyView) => Value) => {
  switch (side.kind) {
    case "Text":
      return side.read
    case "Number":
      return () => 0n
    case "Condition":
      return (view) => {
        const truth = side.test(view)
        return truth === Truth.unknown ? undefined : truth === Truth.failed ? truth : truth === Truth.yes
      }
    case "Nothing":
      return (view) => (side.test?.(view) === Truth.failed ? Truth.failed : undefined)
  }
}

/** How a text compares with a number of the filter: below 0, 0 or above, and NaN when it is none of that type. */
const comparing = (side: Extract<Operand, { readonly kind: "Number" }>): ((text: string) => number) => {
  const { type, value } = side
  switch (type) {
    case "Integer":
      return (text) => {
        const read = JavaNumber.parseInt32(text)
        return read === undefined ? Number.NaN : compareExact(read, value)
      }
    case "Long":
      return (text) => {
        const read = JavaNumber.parseInt64(text)
        return read === undefined ? Number.NaN : compareExact(read, value)
      }
    case "Double": {
      const double = Number(value)
      return (text) => {
        const read = JavaNumber.parseDouble(text)
        return read === undefined ? Number.NaN : JavaNumber.compareDoubles(read, double)
      }
    }
  }
}

const compareExact = (left: number | bigint, right: number | bigint): number =>
  left < right ? -1 : left > right ? 1 : 0

const compareNumbers = (
  left: Extract<Operand, { readonly kind: "Number" }>,
  right: Extract<Operand, { readonly kind: "Number" }>,
): number =>
  left.type === "Double" || right.type === "Double"
    ? JavaNumber.compareDoubles(Number(left.value), Number(right.value))
    : compareExact(left.value, right.value)

const compareTexts = (left: string, right: string): number => {
  const value = JavaNumber.parseDouble(left)
  const other = JavaNumber.parseDouble(right)
  return value === undefined || other === undefined ? Number.NaN : JavaNumber.compareDoubles(value, other)
}

const ordered = (left: Operand, right: Operand, order: Tree.Order): Test => {
  if (left.kind === "Text" && right.kind === "Number") {
    const compare = comparing(right)
    return (view) => {
      const text = left.read(view)
      return text === undefined ? Truth.unknown : inOrder(compare(text), order)
    }
  }
  const compare = compareSides(left, right)
  return (view) => {
    const compared = compare(view)
    return compared === undefined ? Truth.unknown : inOrder(compared, order)
  }
}

const inOrder = (compared: number, order: Tree.Order): Truth => {
  if (Number.isNaN(compared)) return Truth.failed
  switch (order) {
    case "<":
      return truthOf(compared < 0)
    case "<=":
      return truthOf(compared <= 0)
    case ">":
      return truthOf(compared > 0)
    case ">=":
      return truthOf(compared >= 0)
  }
}

/** How two sides compare: undefined when one is missing, NaN when that fails. */
const compareSides = (left: Operand, right: Operand): ((view: PropertyView) => number | undefined) => {
  if (left.kind === "Number" && right.kind === "Number") {
    const compared = compareNumbers(left, right)
    return () => compared
  }
  if (left.kind === "Number" && right.kind === "Text") {
    const compare = comparing(left)
    return (view) => {
      const text = right.read(view)
      return text === undefined ? undefined : -compare(text)
    }
  }
  if (left.kind === "Text" && right.kind === "Number") {
    const compare = comparing(right)
    return (view) => {
      const text = left.read(view)
      return text === undefined ? undefined : compare(text)
    }
  }
  if (left.kind === "Text" && right.kind === "Text")
    return (view) => {
      const text = left.read(view)
      const other = text === undefined ? undefined : right.read(view)
      return text === undefined || other === undefined ? undefined : compareTexts(text, other)
    }
  const valueOfLeft = valueOf(left)
  const valueOfRight = valueOf(right)
  // One side never has a value. The other is worked out only when the left one has.
  return (view) => {
    const value = valueOfLeft(view)
    if (value === Truth.failed) return Number.NaN
    return value !== undefined && valueOfRight(view) === Truth.failed ? Number.NaN : undefined
  }
}

/** Both bounds in one: the value between them must not be worked out twice, or nested ones cost 2 to their depth. */
const between = (node: Extract<Tree.Condition, { readonly kind: "Between" }>): Test => {
  const of = operand(node.of)
  const low = operand(node.low)
  const high = operand(node.high)
  const decided = truthOf(node.isNot)
  if (of.kind === "Nothing") {
    const { test } = of
    return (view) => (test?.(view) === Truth.failed ? Truth.failed : Truth.unknown)
  }
  const atLow = ordered(of, low, node.isNot ? "<" : ">=")
  const atHigh = ordered(of, high, node.isNot ? ">" : "<=")
  return joined([atLow, atHigh], decided)
}

const searched = (node: Extract<Tree.Condition, { readonly kind: "Search" }>): Test => {
  const { isNot, search, text: part } = node
  // Nothing is looked for: what it would be looked for in is not even worked out.
  if (part === "") return () => Truth.no
  const of = operand(node.of)
  const isFound = searches[search]
  if (of.kind === "Text")
    return (view) => {
      const text = of.read(view)
      return text === undefined ? Truth.no : truthOf(isFound(text, part) !== isNot)
    }
  const value = valueOf(of)
  return (view) => (value(view) === Truth.failed ? Truth.failed : Truth.no)
}

const searches: { readonly [S in Tree.Search]: (text: string, part: string) => boolean } = {
  CONTAINS: (text, part) => text.includes(part),
  ENDSWITH: (text, part) => text.endsWith(part),
  STARTSWITH: (text, part) => text.startsWith(part),
}
