/** A simulated cluster does what Delivery.tla allows, and nothing else: P1, P3, P4, P8 of the code itself. */
import { printValue, type RecordedEvent, recordOf, validateTrace } from "tla-ts-bridge"
import { describe, expect, it } from "vitest"
import { mutants } from "../../test/chaos/sim/mutants.ts"
import { checkTimeoutMs, documentedActions, hasTlc, sampled, sampledOne } from "../checks.ts"
import { runCluster } from "../../test/chaos/sim/recorded.ts"
import { type DeliveryEvent, type DeliveryRun, type DeliveryView, readDeliveryRun, traceSpec } from "./trace.ts"

/** One line; a refusal names its event. */
const verdictOf = async (run: DeliveryRun, events = run.events): Promise<string> => {
  const verdict = await validateTrace(traceSpec(run), events)
  switch (verdict._tag) {
    case "Accepted":
      return "Accepted"
    case "Refused":
      return `Refused: event ${verdict.at} ${shown(verdict.event)}`
    case "Violated":
      return `Violated ${verdict.invariant}`
    case "Failed":
    case "NoTlc":
      return `${verdict._tag}: ${verdict.reason}`
  }
}

const shown = ({ action, fields }: RecordedEvent): string => `${action} ${printValue(recordOf(fields))}`

const broker = (action: string, fields: DeliveryEvent["fields"]): DeliveryEvent => ({ action, fields, node: "b" })
const consumer = (action: string, fields: DeliveryEvent["fields"]): DeliveryEvent => ({
  action,
  fields: { brokerName: "b", group: "g", ...fields },
  node: "c",
})
const at = (queueOffset: number) => ({ queueId: 0, queueOffset, topic: "t" })

/** Two messages, the second one delayed; the log in the end has it twice. */
const view: DeliveryView = {
  brokerName: "b",
  group: "g",
  records: [
    { commitLogOffset: 0, queueId: 0, queueOffset: 0, sourceCommitLogOffset: undefined, topic: "t" },
    { commitLogOffset: 100, queueId: 2, queueOffset: 0, sourceCommitLogOffset: undefined, topic: "SCHEDULE" },
    { commitLogOffset: 200, queueId: 0, queueOffset: 1, sourceCommitLogOffset: 100, topic: "t" },
  ],
  triesMax: 1,
}

const small: ReadonlyArray<DeliveryEvent> = [
  broker("Send", { commitLogOffset: 0 }),
  broker("Send", { commitLogOffset: 100 }),
  broker("Dispatch", { commitLogOffsetEnd: 200 }),
  // The first answer does not arrive.
  broker("Pull", { count: 1, group: "g", ...at(0) }),
  broker("Pull", { count: 1, group: "g", ...at(0) }),
  consumer("Receive", { count: 1, ...at(0) }),
  broker("Pull", { count: 1, group: "g", ...at(1) }),
  consumer("Receive", { count: 1, ...at(1) }),
  consumer("Ack", at(1)),
  broker("Ack", { commitLogOffset: 100 }),
  consumer("Ack", at(0)),
  broker("PersistOffset", { group: "g", ...at(2) }),
  broker("PersistOffset", { group: "another", ...at(7) }),
  broker("BrokerCrash", {}),
  broker("Recover", { commitLogOffsetEnd: 300 }),
]

describe("a run of a cluster", () => {
  it("is told in entries of one log and in queues by delay", () => {
    const run = readDeliveryRun(small, view)
    expect(run.events.map(shown)).toEqual([
      "Send [m |-> 1, q |-> 1]",
      "Send [m |-> 2, q |-> 2]",
      "Flush [n |-> 2]",
      "Pull [i |-> 1]",
      "Pull [i |-> 2]",
      "Ack [i |-> 2]",
      "Ack [i |-> 1]",
      "PersistOffset [n |-> 1, q |-> 1]",
      "PersistOffset [n |-> 2, q |-> 2]",
      "BrokerCrash [n |-> 2]",
    ])
    expect(run).toMatchObject({ brokerCrashes: 1, consumerCrashes: 0, messages: 2, queues: 2, triesMax: 1 })
  })

  it("is refused when it lacks a field, or tells of what is not there", () => {
    expect(() => readDeliveryRun([broker("Send", {})], view)).toThrow(/Send has no number commitLogOffset/)
    expect(() => readDeliveryRun([consumer("Ack", at(9))], view)).toThrow(/Ack of t\/0\/9, which is not in the log/)
    expect(() => readDeliveryRun([consumer("Receive", { count: 1, ...at(0) })], view)).toThrow(/no broker sent/)
  })

  const runs = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => {
    const { trace, view: held } = runCluster(seed)
    return { run: readDeliveryRun(trace, held), seed }
  })

  it("has every event of the vocabulary", () => {
    expect(new Set(runs.flatMap(({ run }) => run.events.map(({ action }) => action)))).toEqual(
      new Set(documentedActions("delivery/Delivery.tla")),
    )
  })

  it("is the same for the same seed", () => {
    const { trace, view: held } = runCluster(3)
    expect(readDeliveryRun(trace, held)).toEqual(runs[2]?.run)
  })

  if (!hasTlc("spec/delivery")) return

  it.for(sampledOne(runs.slice(0, 4)))(
    "P1, P3, P4, P8: seed $seed is a behaviour of Delivery.tla",
    { timeout: checkTimeoutMs },
    async ({ run }) => {
      expect(await verdictOf(run)).toBe("Accepted")
    },
  )

  const { run } = runs.find(({ run: { events: all } }) =>
    ["Pull", "Retry", "BrokerCrash"].every((action) => all.some((event) => event.action === action)),
  )!
  const { events } = run
  const indexOf = (action: string): number => events.findIndex((event) => event.action === action)
  const changed = (index: number, fields: RecordedEvent["fields"]): ReadonlyArray<RecordedEvent> =>
    events.with(index, { action: events[index]!.action, fields: { ...events[index]!.fields, ...fields } })
  const pull = indexOf("Pull")
  /** A sync, and the first pull behind it of what it made durable. */
  const early = events
    .flatMap(({ action, fields }, at) => {
      if (action !== "Flush") return []
      const before = events.slice(0, at).findLast((one) => one.action === "Flush" || one.action === "BrokerCrash")
      const covers = (i: number): boolean => i > Number(before?.fields["n"] ?? 0) && i <= Number(fields["n"])
      const next = events.findIndex((one, index) => index > at && ["BrokerCrash", "Pull"].includes(one.action))
      const isIt = events[next]?.action === "Pull" && covers(Number(events[next]?.fields["i"]))
      return isIt ? [{ flush: at, pull: next }] : []
    })
    .at(0)!
  const retry = indexOf("Retry")
  const crash = events.findIndex(({ action, fields }) => action === "BrokerCrash" && Number(fields["n"]) > 0)
  const queueOfPulled = events.filter(({ action }) => action === "Send")[Number(events[pull]?.fields["i"]) - 1]!

  const wrongs: ReadonlyArray<readonly [string, number, ReadonlyArray<RecordedEvent>]> = [
    [
      "a message is seen before its sync",
      early.flush,
      events.toSpliced(early.pull, 1).toSpliced(early.flush, 0, events[early.pull]!),
    ],
    [
      "an offset passes a message in hand",
      pull + 1,
      events.toSpliced(pull + 1, 0, {
        action: "PersistOffset",
        fields: { n: events[pull]!.fields["i"]!, q: queueOfPulled.fields["q"]! },
      }),
    ],
    ["an attempt is not counted", retry, changed(retry, { tries: 0 })],
    ["a crash takes an answered message", crash, changed(crash, { n: Number(events[crash]?.fields["n"]) - 1 })],
    [
      "a message is settled before it is stored again",
      retry,
      events.toSpliced(retry, 1, { action: "Settle", fields: { i: events[retry]!.fields["i"]! } }),
    ],
  ]
  it.for(sampled(wrongs))("is refused where %s", { timeout: checkTimeoutMs }, async ([_what, index, wrong]) => {
    expect(await verdictOf(run, wrong)).toBe(`Refused: event ${index} ${shown(wrong[index]!)}`)
  })

  const bugs = [
    ["counts no attempts", "Retry"],
    ["commits what is pulled", "PersistOffset"],
  ] as const
  it.for(sampledOne(bugs))("is refused when the broker %s", { timeout: checkTimeoutMs }, async ([name, action]) => {
    const mutant = mutants.find((one) => one.name === name)
    const verdicts: Array<string> = []
    // A bug need not show in every run.
    for (let seed = 1; seed <= 6 && !verdicts.some((verdict) => verdict.startsWith("Refused")); seed++) {
      const { trace, view: held } = runCluster(seed, mutant)
      const bad = readDeliveryRun(trace, held)
      verdicts.push(await verdictOf(bad, bad.events.slice(0, 250)))
    }
    expect(verdicts.at(-1)).toMatch(new RegExp(`^Refused: event \\d+ ${action} `))
  })
})
