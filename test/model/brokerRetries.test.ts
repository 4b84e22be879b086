/**
 * A broker against the reference model of waiting and failing messages (reference/Retries.ts): any sequence of sends,
 * failures, waits, restarts, crashes and other tables of delay levels. On simulated machines.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Properties from "../../src/domain/Properties.ts"
import * as SubscriptionGroup from "../../src/domain/SubscriptionGroup.ts"
import * as ConfigJson from "../../src/format/ConfigJson.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import { ConsumerSendMsgBack } from "../../src/format/SendMessage.ts"
import type { StoredMessage } from "../../src/format/StoredMessage.ts"
import { createTopic, OneBroker, send } from "./cluster.ts"
import * as Retries from "./reference/Retries.ts"

const tables = [
  [1000, 5000, 10_000, 30_000],
  [20_000, 1000],
  [2000, 2000, 60_000, 1000, 3000],
] as const
const textOf = (levels: ReadonlyArray<number>): string => levels.map((ms) => `${ms / 1000}s`).join(" ")
const attemptsMax = 2
/** A broker looks at least so often whether something is due, and a sync takes its time. */
const slackMs = 200

const command = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant("Send" as const), level: fc.nat(6) }), weight: 4 },
  {
    arbitrary: fc.record({
      kind: fc.constant("GiveBack" as const),
      level: fc.integer({ max: 4, min: -1 }),
      pick: fc.nat(),
    }),
    weight: 4,
  },
  { arbitrary: fc.record({ kind: fc.constant("Wait" as const), ms: fc.constantFrom(500, 3000, 15_000) }), weight: 3 },
  fc.record({
    end: fc.constantFrom("stop" as const, "kill" as const, "powerCut" as const),
    kind: fc.constant("Restart" as const),
    table: fc.option(fc.constantFrom(...tables), { nil: undefined }),
  }),
)

/** A copy and where its record lies. */
interface Seen extends Retries.Copy {
  readonly commitLogOffset: number
}

const placeOf: Readonly<Record<string, Retries.Copy["place"]>> = {
  "%DLQ%g": "DeadLetter",
  "%RETRY%g": "Retry",
  t: "Topic",
}

/** All copies that have arrived, as a reader sees them. */
const seen = (cluster: OneBroker): ReadonlyArray<Seen> => {
  const { store } = cluster.broker.state
  return Object.entries(placeOf).flatMap(([topic, place]) => {
    const queue = store.queues.get(topic, 0)
    return Array.from({ length: queue.maxOffset }, (_, at) => {
      const { commitLogOffset } = queue.entrySync(at)!
      let message: StoredMessage | undefined
      store.lookAt(commitLogOffset, (found) => (message = found))
      cluster.world.sim.runUntil(() => message !== undefined, 60_000)
      const name = Properties.find(message!.properties, Properties.PropertyName.KEYS)!
      return { attempts: message!.reconsumeTimes, commitLogOffset, name, place }
    })
  })
}

const print = ({ attempts, name, place }: Retries.Copy): string => `${name} ${attempts} ${place}`
const nowOf = (cluster: OneBroker): number => cluster.broker.state.world.clock.nowMs()

/** Everything that must have arrived has, nothing that may not, and each once. */
const expectAlike = (cluster: OneBroker, model: Retries.State): Retries.State => {
  const nowMs = nowOf(cluster)
  const surely = Retries.passed(model, nowMs - slackMs).arrived.map(print)
  const perhaps = Retries.passed(model, nowMs).arrived.map(print)
  const arrived = seen(cluster).map(print)
  expect(new Set(arrived).size).toBe(arrived.length)
  expect(surely.filter((copy) => !arrived.includes(copy))).toEqual([])
  expect(arrived.filter((copy) => !perhaps.includes(copy))).toEqual([])
  // What has arrived a little before it had to has arrived.
  const early = model.waiting.filter((copy) => arrived.includes(print(copy)))
  return {
    ...model,
    arrived: [...model.arrived, ...early.map(({ attempts, name, place }) => ({ attempts, name, place }))],
    waiting: model.waiting.filter((copy) => !early.includes(copy)),
  }
}

describe("messages that wait and messages that fail (P4, P7)", () => {
  it("are where the reference model has them, over restarts, crashes and other tables of levels", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 25, minLength: 5 }), fc.nat(), (commands, seed) => {
        const cluster = new OneBroker(seed, { messageDelayLevel: textOf(tables[0]) })
        cluster.ask(createTopic("t"))
        const body = ConfigJson.GroupConfig.encode({ ...SubscriptionGroup.defaults("g"), retryMaxTimes: attemptsMax })
        cluster.ask({ body, code: RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP })
        let model = Retries.empty(tables[0], attemptsMax)
        const given = new Set<string>()
        let names = 0
        for (const one of commands) {
          switch (one.kind) {
            case "Send": {
              const name = `m${names++}`
              const nowMs = nowOf(cluster)
              const delay = one.level === 0 ? "" : `DELAY\u0001${one.level}\u0002`
              expect(cluster.ask(send("t", 0, `${delay}KEYS\u0001${name}\u0002`)).code).toBe(ResponseCode.SUCCESS)
              model = Retries.sent(model, name, one.level, nowMs)
              break
            }
            case "GiveBack": {
              const open = seen(cluster).filter((copy) => copy.place !== "DeadLetter" && !given.has(print(copy)))
              const copy = open[one.pick % Math.max(1, open.length)]
              if (copy === undefined) break
              const ext = ConsumerSendMsgBack.encode({
                delayLevel: one.level,
                group: "g",
                offset: copy.commitLogOffset,
              })
              const nowMs = nowOf(cluster)
              expect(cluster.ask({ code: RequestCode.CONSUMER_SEND_MSG_BACK, ext }).code).toBe(ResponseCode.SUCCESS)
              given.add(print(copy))
              model = Retries.givenBack(
                model,
                { attempts: copy.attempts, name: copy.name, place: copy.place },
                one.level,
                nowMs,
              )
              break
            }
            case "Wait":
              cluster.world.sim.runFor(one.ms)
              break
            case "Restart":
              cluster[one.end]()
              cluster.start({}, one.table === undefined ? {} : { messageDelayLevel: textOf(one.table) })
              if (one.table !== undefined) model = Retries.otherLevels(model, one.table)
              // What came due while it was down is delivered now.
              cluster.world.sim.runFor(slackMs)
          }
          model = expectAlike(cluster, model)
        }
        cluster.world.sim.runFor(120_000)
        model = expectAlike(cluster, model)
        expect(model.waiting).toEqual([])
      }),
      { numRuns: 60, seed: 11 },
    )
  })
})
