import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Namespace from "../../../src/domain/Namespace.ts"
import { dlqTopic, isSystem, retryTopic } from "../../../src/domain/Topic.ts"

const plain = fc
  .string({ unit: fc.constantFrom(..."abcXYZ01_-"), minLength: 1, maxLength: 12 })
  .filter((name) => !isSystem(name) && !name.startsWith("CID_RMQ_SYS_"))
const topic = fc.oneof(plain, plain.map(retryTopic), plain.map(dlqTopic))

describe("Namespace", () => {
  it("there and back: what is wrapped comes back unwrapped", () => {
    fc.assert(
      fc.property(plain, topic, (namespace, name) => {
        const wrapped = Namespace.wrap(namespace, name)
        expect(Namespace.isWrapped(wrapped, namespace)).toBe(true)
        expect(Namespace.namespaceOf(wrapped)).toBe(namespace)
        expect(Namespace.unwrap(wrapped, namespace)).toBe(name)
        expect(Namespace.unwrapAny(wrapped)).toBe(name)
      }),
    )
  })

  it("once: wrapping twice is wrapping once", () => {
    fc.assert(
      fc.property(plain, topic, (namespace, name) => {
        const wrapped = Namespace.wrap(namespace, name)
        expect(Namespace.wrap(namespace, wrapped)).toBe(wrapped)
      }),
    )
  })

  it("leaves names of the system and empty ones alone", () => {
    expect(Namespace.wrap("ns", "TBW102")).toBe("TBW102")
    expect(Namespace.wrap("ns", "CID_RMQ_SYS_x")).toBe("CID_RMQ_SYS_x")
    expect(Namespace.wrap(undefined, "T")).toBe("T")
    expect(Namespace.wrapRetry("ns", "")).toBeUndefined()
    expect(Namespace.wrapRetry("ns", "g")).toBe("%RETRY%ns%g")
  })
})
