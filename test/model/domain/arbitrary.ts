/** Generators that several laws draw from. */
import * as fc from "fast-check"
import { Perm, type TopicConfig } from "../../../src/domain/Topic.ts"
import { type GroupConfig, defaults } from "../../../src/domain/SubscriptionGroup.ts"

/** Any text, separators and odd units included. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("a", "b", "\u0001", "\u0002", "|", "%", "*", " ", "\u00e9", "\ud83d") }),
)

/** Few short names, so that things meet. */
export const name: fc.Arbitrary<string> = fc.constantFrom("a", "b", "c", "d")

/** A name that brokers accept. */
export const validName: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom(..."abcXYZ019%|_-"),
  minLength: 1,
  maxLength: 40,
})

export const perm: fc.Arbitrary<number> = fc.integer({ min: 0, max: Perm.ALL })

export const topicConfig = (topicName: string): fc.Arbitrary<TopicConfig> =>
  fc.record({
    topicName: fc.constant(topicName),
    readQueueNums: fc.nat(8),
    writeQueueNums: fc.nat(8),
    perm,
    topicFilterType: fc.constantFrom("SINGLE_TAG", "MULTI_TAG"),
    topicSysFlag: fc.nat(3),
    order: fc.boolean(),
    attributes: fc.constantFrom({}, { "queue.type": "BatchCQ" }),
  })

export const groupConfig = (groupName: string): fc.Arbitrary<GroupConfig> =>
  fc.record({
    ...constants(defaults(groupName)),
    consumeEnable: fc.boolean(),
    consumeBroadcastEnable: fc.boolean(),
    retryQueueNums: fc.nat(3),
    retryMaxTimes: fc.integer({ min: -1, max: 20 }),
  })

/** Each member as a generator of itself. */
const constants = <A extends object>(value: A): { [K in keyof A]: fc.Arbitrary<A[K]> } => {
  const generators: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) generators[key] = fc.constant(member)
  return generators as { [K in keyof A]: fc.Arbitrary<A[K]> }
}
