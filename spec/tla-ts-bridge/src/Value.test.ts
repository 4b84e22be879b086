import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  canonical,
  functionOf,
  modelValue,
  normal,
  parseValue,
  printValue,
  recordOf,
  seqOf,
  setOf,
  type Value,
  ValueError,
} from "./Value.ts"

const field = fc.stringMatching(/^[a-z][a-zA-Z0-9_]{0,6}$/)

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.integer({ max: 2 ** 31 - 1, min: -(2 ** 31) }),
    fc.string(),
    fc.boolean(),
    fc.nat(20).map((n) => modelValue(`m${n}`)),
    fc.array(tie("value"), { maxLength: 4 }).map(setOf),
    fc.array(tie("value"), { maxLength: 4 }).map(seqOf),
    fc.dictionary(field, tie("value"), { maxKeys: 4, minKeys: 1, noNullPrototype: true }).map(recordOf),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 4 }).map(functionOf),
  ),
}))

describe("Value", () => {
  it("round trip: a printed value is read as it was", () => {
    fc.assert(
      fc.property(value, (any) => {
        const one = normal(any)
        expect(parseValue(printValue(one))).toEqual(one)
      }),
    )
  })

  it("canonical: the order of sets and fields does not matter, all else does", () => {
    fc.assert(
      fc.property(value, fc.infiniteStream(fc.nat()), (any, random) => {
        expect(canonical(shuffled(any, () => random.next().value as number))).toBe(canonical(any))
      }),
    )
    expect(canonical(parseValue("<<1, 2>>"))).not.toBe(canonical(parseValue("<<2, 1>>")))
    expect(canonical(parseValue("{1}"))).not.toBe(canonical(parseValue("{1, 2}")))
    expect(canonical(parseValue('"m1"'))).not.toBe(canonical(parseValue("m1")))
  })

  it("reads what TLC prints", () => {
    expect(parseValue("-4")).toBe(-4)
    expect(parseValue("TRUE")).toBe(true)
    expect(parseValue('"q\\"x é"')).toBe('q"x é')
    expect(parseValue("m1")).toEqual(modelValue("m1"))
    expect(parseValue("1..3")).toEqual(setOf([1, 2, 3]))
    expect(parseValue("{}")).toEqual(setOf([]))
    expect(parseValue("<< >>")).toEqual(seqOf([]))
    expect(parseValue("[f |-> 1,\n g |-> <<2>>]")).toEqual(recordOf({ f: 1, g: seqOf([2]) }))
    expect(parseValue("(0 :> 1 @@ a :> {<<1>>})")).toEqual(
      functionOf([
        [0, 1],
        [modelValue("a"), setOf([seqOf([1])])],
      ]),
    )
  })

  it("gives equal values one form: functions on 1..n are sequences, on strings records, empty ones <<>>", () => {
    expect(canonical(parseValue("(2 :> 9 @@ 1 :> 8)"))).toBe("<<8, 9>>")
    expect(canonical(parseValue('("b" :> 1 @@ "a" :> 2)'))).toBe("[a |-> 2, b |-> 1]")
    expect(canonical(functionOf([]))).toBe("<<>>")
    expect(canonical(parseValue("{10, 9, 10, 1..2}"))).toBe("{9, 10, {1, 2}}")
  })

  it.each(["", "{1", "<<1,>>", "[f |-> ]", "(1 :> )", "1 2", '"open', '"\\q"', "1..9999999", "-", "[1 |-> 2]"])(
    "refuses %j with the place",
    (text) => {
      expect(() => parseValue(text)).toThrow(ValueError)
    },
  )
})

/** The same value with its sets, fields and pairs in another order. */
const shuffled = (any: Value, random: () => number): Value => {
  if (typeof any !== "object") return any
  const mixed = <A>(items: ReadonlyArray<A>): Array<A> =>
    items
      .map((item) => ({ item, rank: random() }))
      .toSorted((a, b) => a.rank - b.rank)
      .map(({ item }) => item)
  switch (any._tag) {
    case "Model":
      return any
    case "Set":
      return setOf(mixed(any.items.map((item) => shuffled(item, random))))
    case "Seq":
      return seqOf(any.items.map((item) => shuffled(item, random)))
    case "Record":
      return recordOf(
        Object.fromEntries(mixed(Object.entries(any.fields).map(([name, item]) => [name, shuffled(item, random)]))),
      )
    case "Function": {
      // Of two pairs with one key the first counts, so only a function with different keys may be mixed.
      const keys = new Set(any.pairs.map(([key]) => canonical(key)))
      const pairs = any.pairs.map(([key, image]) => [shuffled(key, random), shuffled(image, random)] as const)
      return functionOf(keys.size === pairs.length ? mixed(pairs) : pairs)
    }
  }
}
