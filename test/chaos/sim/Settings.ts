/** What one run is made of, drawn from its seed: sizes, clients, loads and the faults that it meets. */
import type { SeededRandom } from "../../../src/infra/random/SeededRandom.ts"

export interface TopicPlan {
  readonly name: string
  readonly queueNums: number
  /** Made by an administrator before the load begins; else by the first message that comes. */
  readonly isPrepared: boolean
}

export interface SubscriptionPlan {
  readonly topic: string
  readonly expression: string
  /** SQL92; absent: tags. */
  readonly type?: "SQL92"
}

export interface GroupPlan {
  readonly name: string
  readonly isOrderly: boolean
  readonly consumers: number
  readonly subscriptions: ReadonlyArray<SubscriptionPlan>
  /** Failures after which a message is a dead letter. */
  readonly maxReconsumeTimes: number
}

export interface Settings {
  readonly seed: number
  readonly nameServers: number
  readonly brokers: number
  readonly producers: number
  readonly topics: ReadonlyArray<TopicPlan>
  readonly groups: ReadonlyArray<GroupPlan>
  /** Virtual ms of load and faults; the messages are spread over them. */
  readonly loadMs: number
  readonly messagesMax: number
  /** Transactions that are sent; most runs have none. */
  readonly transactionsMax: number
  readonly segmentBytes: number
  readonly flush: "ASYNC_FLUSH" | "SYNC_FLUSH"
  /** Mean pause between two strikes, ms. */
  readonly faultEveryMs: number
  /** Names of the faults that this run may meet. */
  readonly faults: ReadonlyArray<string>
  readonly preemptChance: number
}

/** Where transactions go, and nothing else. */
export const transferTopic: TopicPlan = { isPrepared: true, name: "transfers", queueNums: 2 }

/** By level, ms: short, so that retries and delays fit into a run. */
export const delayLevelsMs: ReadonlyArray<number> = [1_000, 3_000, 8_000]
/** Tables that an administrator may give a broker: levels that are longer, shorter, more, gone. */
export const delayTablesMs: ReadonlyArray<ReadonlyArray<number>> = [
  delayLevelsMs,
  [6_000, 1_000],
  [2_000, 2_000, 20_000, 1_000],
]
export const delayLevelsMax = Math.max(...delayTablesMs.map(({ length }) => length))
export const textOf = (delaysMs: ReadonlyArray<number>): string => delaysMs.map((ms) => `${ms / 1000}s`).join(" ")
export const tags: ReadonlyArray<string> = ["TagA", "TagB", "TagC"]

/** Settings that a test fixes instead of drawing them. */
export type Fixed = Partial<Omit<Settings, "seed">>

export const drawSettings = (seed: number, faults: ReadonlyArray<string>, random: SeededRandom): Settings => {
  const one = <T>(choices: ReadonlyArray<T>): T => choices[random.below(choices.length)]!
  const topics: Array<TopicPlan> = [
    { isPrepared: true, name: "orders", queueNums: 1 + random.below(4) },
    { isPrepared: true, name: "steps", queueNums: 1 + random.below(3) },
    { isPrepared: false, name: "events", queueNums: 8 },
  ]
  const isAsync = random.chance(0.1)
  // A run that meets everything at once hides as much as it shows: most meet a few kinds of faults.
  const share = one([0.25, 0.5, 1])
  const met = faults.filter((name) => (bySeed.has(name) ? seed % 5 < 2 : random.chance(share)))
  return {
    brokers: 1 + random.below(2),
    faultEveryMs: one([1_000, 2_500, 6_000]),
    faults: isAsync ? met.filter((name) => !needsSyncFlush.has(name)) : met,
    flush: isAsync ? "ASYNC_FLUSH" : "SYNC_FLUSH",
    groups: [
      {
        consumers: 1 + random.below(3),
        isOrderly: false,
        maxReconsumeTimes: 2,
        name: "billing",
        subscriptions: [
          { expression: "*", topic: "orders" },
          { expression: "*", topic: "events" },
        ],
      },
      {
        consumers: 1 + random.below(2),
        isOrderly: false,
        maxReconsumeTimes: 1,
        name: "audit",
        subscriptions: [{ expression: "TagA || TagB", topic: "orders" }],
      },
      {
        consumers: 1 + random.below(2),
        isOrderly: true,
        maxReconsumeTimes: 16,
        name: "ledger",
        subscriptions: [{ expression: "*", topic: "steps" }],
      },
      ...(seed % 3 === 0 ? [sampling] : []),
    ],
    loadMs: one([10_000, 30_000, 90_000]),
    messagesMax: one([150, 400, 1_000]),
    nameServers: 1 + random.below(2),
    preemptChance: one([0, 0.02, 0.1]),
    producers: 1 + random.below(3),
    seed,
    segmentBytes: one([64, 128, 1024]) * 1024,
    topics,
    transactionsMax: seed % 4 === 0 ? 80 : 0,
  }
}

/** Takes what a condition picks, in one run of three. */
const sampling: GroupPlan = {
  consumers: 2,
  isOrderly: false,
  maxReconsumeTimes: 2,
  name: "sampling",
  subscriptions: [
    { expression: "TAGS IN ('TagA', 'TagC') AND DELAY IS NULL", topic: "orders", type: "SQL92" },
    { expression: "TAGS <> 'TagB'", topic: "events", type: "SQL92" },
  ],
}

/** What came later is met in two runs of five, and shifts nothing of what the seeds of before draw. */
const bySeed: ReadonlySet<string> = new Set(["offsetReset"])

/** By ASYNC_FLUSH a failed sync takes what was answered before it, and nobody can say how much. */
const needsSyncFlush: ReadonlySet<string> = new Set(["failingSync", "failingDisk"])
