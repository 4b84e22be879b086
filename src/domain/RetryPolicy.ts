/**
 * How the retries of a group are spaced: by a list of delays, or by one that grows. Until an administrator says
 * otherwise it is the list of RocketMQ's delay levels from the third on, so that a group without a policy of its own and
 * one with the default list wait the same.
 *
 * A broker has no other delays than its levels: `levelFor` takes the first that is long enough, so that a message never
 * comes sooner than its policy says, unless no level is that long.
 *
 * Laws (test/model/domain/RetryPolicy.test.ts)
 *   patient   a level is at least as long as the delay that it stands for, or it is the longest there is
 *   tight     no shorter level would be long enough
 *   bounded   a delay is never negative, and an exponential one is never above its maximum
 *   default   with 5.5.0's table of levels, the default policy chooses what a broker chooses without one
 * Source: behaviour of RocketMQ 5.5.0 (GroupRetryPolicy, CustomizedRetryPolicy, ExponentialRetryPolicy), whose broker keeps
 * policies and leaves them to its proxy.
 */
import type { DelayLevels } from "./DelayLevel.ts"
import type { GroupRetryPolicy } from "./SubscriptionGroup.ts"

/** The list of a policy that has none of its own, ms. The first two are for others than retries. */
export const defaultNextMs: ReadonlyArray<number> = [
  1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200,
].map((seconds) => seconds * 1_000)

/** Entries of a list that a first retry passes over. */
const passedOver = 2
/** RocketMQ raises to no higher power. */
const exponentMax = 32

const defaultExponential = { initial: 5_000, max: 7_200_000, multiplier: 2 }

/** How long a message waits that has failed `reconsumeTimes` times before, ms. */
export const nextDelayMs = (policy: GroupRetryPolicy, reconsumeTimes: number): number => {
  const times = Math.max(0, reconsumeTimes)
  return policy.type === "EXPONENTIAL" ? exponential(policy, times) : customized(policy, times)
}

const customized = ({ customizedRetryPolicy }: GroupRetryPolicy, times: number): number => {
  const own = customizedRetryPolicy?.next ?? []
  const next = own.length === 0 ? defaultNextMs : own
  return Math.max(0, next[Math.min(times + passedOver, next.length - 1)]!)
}

const exponential = ({ exponentialRetryPolicy }: GroupRetryPolicy, times: number): number => {
  const { initial, max, multiplier } = exponentialRetryPolicy ?? defaultExponential
  if (initial === 0) return 0
  // 5.5.0 multiplies 64-bit numbers that overflow, and may answer a delay in the past.
  return Math.max(0, Math.min(max, initial * multiplier ** Math.min(times, exponentMax)))
}

/** Whether an administrator has said how the group's retries are spaced. */
export const isOwn = (policy: GroupRetryPolicy): boolean =>
  policy.type === "EXPONENTIAL" || (policy.customizedRetryPolicy?.next.length ?? 0) > 0

/** The first level that is at least as long, or the longest one. Levels need not be in order. */
export const levelFor = (levels: DelayLevels, delayMs: number): number => {
  let best = -1
  let longest = 0
  for (const [at, levelMs] of levels.entries()) {
    if (levelMs > levels[longest]!) longest = at
    if (levelMs >= delayMs && (best < 0 || levelMs < levels[best]!)) best = at
  }
  return (best < 0 ? longest : best) + 1
}
