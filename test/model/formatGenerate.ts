/** Generators of values, from the declarations of formats. */
import fc from "fast-check"
import type { Command } from "../../src/format/Command.ts"
import { request } from "../../src/format/Command.ts"
import type { Fields, Layout } from "../../src/format/layout.ts"
import type { Header, Parameters } from "../../src/format/header.ts"
import * as Host from "../../src/format/Host.ts"
import { languages } from "../../src/format/Language.ts"
import type { Member, Members, Shape } from "../../src/format/shape.ts"
import type { StoredMessage } from "../../src/format/StoredMessage.ts"

const int32 = fc.integer()
const safe = fc.maxSafeInteger()
const position = fc.maxSafeNat()

/** Well-formed text of any script; a lone surrogate has no UTF-8. */
export const text = fc.string({ unit: "binary", maxLength: 24 })

/** As text, never empty: binary headers cannot tell an empty value from an absent one. */
const value = fc.string({ unit: "binary", minLength: 1, maxLength: 24 })

export const bytes = (maxLength = 64): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))

/** A value of a fixed-size format. */
export const ofLayout = <F extends Fields>(layout: Layout<F>): fc.Arbitrary<Layout<F>["Type"]> =>
  fc.record(
    Object.fromEntries(Object.entries(layout.fields).map(([name, { max, min }]) => [name, fc.integer({ min, max })])),
  ) as fc.Arbitrary<Layout<F>["Type"]>

const parameterValues = {
  text: value,
  int: int32,
  long: safe,
  time: safe,
  flag: fc.boolean(),
}

/** The parameters of one request or response. */
export const ofHeader = <P extends Parameters>(header: Header<P>): fc.Arbitrary<Header<P>["Type"]> => {
  const entries = Object.entries(header.parameters)
  const requiredKeys = entries.filter(([, { optional }]) => !optional).map(([name]) => name)
  const model = Object.fromEntries(entries.map(([name, { type }]) => [name, parameterValues[type]]))
  return fc.record(model as Record<string, fc.Arbitrary<unknown>>, {
    requiredKeys,
    noNullPrototype: true,
  }) as fc.Arbitrary<Header<P>["Type"]>
}

/** A value of a JSON body. */
export const ofShape = <T>(shape: Shape<T>): fc.Arbitrary<T> => anyOf(shape as Shape<unknown>) as fc.Arbitrary<T>

const key = fc.oneof(text, fc.constantFrom("__proto__", "constructor", "1", "$", "a b"))
const few = { maxLength: 3 }

const anyOf = ({ kind }: Shape<unknown>): fc.Arbitrary<unknown> => {
  switch (kind.type) {
    case "text":
      return text
    case "int":
      return int32
    case "long":
      return safe
    case "double":
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0)
    case "flag":
      return fc.boolean()
    case "choice":
      return fc.constantFrom(...kind.values)
    case "list":
      return fc.array(anyOf(kind.of), few)
    case "set":
      return fc.array(anyOf(kind.of), few).map((elements) => new Set(elements))
    case "map":
      return entries(key, anyOf(kind.of)).map((pairs) => new Map(pairs))
    case "numberMap":
      return entries(safe, anyOf(kind.of)).map((pairs) => new Map(pairs))
    case "queueMap":
      return fc.uniqueArray(fc.tuple(queue, anyOf(kind.of)), { ...few, selector: ([one]) => JSON.stringify(one) })
    case "attributes":
      return entries(key, text).map((pairs) => Object.fromEntries(pairs))
    case "record":
      return ofMembers(kind.members)
  }
}

const queue = fc.record({ brokerName: text, queueId: int32, topic: text }, { noNullPrototype: true })

const entries = <K>(keys: fc.Arbitrary<K>, values: fc.Arbitrary<unknown>) =>
  fc.uniqueArray(fc.tuple(keys, values), { ...few, selector: ([one]) => one })

const ofMembers = (members: Members): fc.Arbitrary<unknown> => {
  const model: Record<string, fc.Arbitrary<unknown>> = {}
  const requiredKeys: string[] = []
  for (const [name, one] of Object.entries(members)) {
    const member = ("shape" in one ? one : { shape: one, optional: false }) as Pick<
      Member<unknown>,
      "shape" | "optional"
    >
    model[name] = anyOf(member.shape)
    if (!member.optional) requiredKeys.push(name)
  }
  return fc.record(model, { requiredKeys, noNullPrototype: true })
}

export const host: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })),
    fc.nat(65_535),
  )
  .map(([address, port]) => {
    const bytesOfHost = Buffer.alloc(address.length + 4)
    bytesOfHost.set(address)
    bytesOfHost.writeInt32BE(port, address.length)
    return bytesOfHost
  })

const flagsOf = (born: Buffer, store: Buffer): number =>
  (Host.isIpv6(born) ? 0x10 : 0) | (Host.isIpv6(store) ? 0x20 : 0)

export const storedMessage: fc.Arbitrary<StoredMessage> = fc
  .record(
    {
      version: fc.constantFrom(1 as const, 2 as const),
      topic: text,
      queueId: int32,
      flag: int32,
      queueOffset: position,
      physicalOffset: position,
      sysFlag: fc.nat(0x7ff),
      bornTimestamp: safe,
      bornHost: host,
      storeTimestamp: safe,
      storeHost: host,
      reconsumeTimes: int32,
      preparedTransactionOffset: position,
      body: bytes(200),
      properties: text,
    },
    { noNullPrototype: true },
  )
  .map((message) => {
    const sysFlag = (message.sysFlag & ~0x30) | flagsOf(message.bornHost, message.storeHost)
    return Object.assign(message, { sysFlag })
  })

const ext = fc.dictionary(fc.oneof(value, fc.constantFrom("__proto__", "topic", "1")), value, {
  maxKeys: 6,
  noNullPrototype: true,
})

export const command: fc.Arbitrary<Command> = fc
  .record({
    code: fc.integer({ min: -32_768, max: 32_767 }),
    language: fc.constantFrom(...languages),
    version: fc.integer({ min: -32_768, max: 32_767 }),
    opaque: int32,
    flag: int32,
    remark: fc.option(value, { nil: undefined }),
    ext,
    body: bytes(),
    serialize: fc.constantFrom(0 as const, 1 as const),
  })
  .map((fields) => Object.assign({}, request(0, 0, {}), fields))
