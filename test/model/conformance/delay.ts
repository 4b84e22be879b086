/** Vectors of delay.json: delay levels and retry policies. */
import * as Result from "effect/Result"
import * as DelayLevel from "../../../src/domain/DelayLevel.ts"
import * as Properties from "../../../src/domain/Properties.ts"
import * as RetryPolicy from "../../../src/domain/RetryPolicy.ts"
import * as SubscriptionGroup from "../../../src/domain/SubscriptionGroup.ts"
import { type Account, type Case, failed } from "./Account.ts"
import { sortedObject } from "./shared.ts"

/** A recorded policy; what is null there has its default. */
const retryPolicyOf = ({ initial, max, multiplier, next, type }: Case): SubscriptionGroup.GroupRetryPolicy =>
  type === "CUSTOMIZED"
    ? { type, ...(next === null ? {} : { customizedRetryPolicy: { next: next.map(Number) } }) }
    : {
        type,
        ...(initial === null
          ? {}
          : {
              exponentialRetryPolicy: {
                initial: Number(initial),
                max: Number(max),
                multiplier: Number(multiplier),
              },
            }),
      }

export const account: Account = {
  checks: {
    parseDelayLevel: {
      run: ({ expected, text }) => {
        const parsed = DelayLevel.parse(text ?? "")
        if (Result.isFailure(parsed)) {
          // A table that 5.5.0 refuses too is equal, whatever it had read until then.
          return expected.ok ? failed : expected
        }
        const levels = parsed.success
        return {
          ok: true,
          maxLevel: levels.length,
          table: levels.map((delayMs, i) => [i + 1, String(delayMs)]),
          deliverTimes: expected.deliverTimes.map(([level]: [number, string]) => [
            level,
            String(DelayLevel.dueMs(levels, level, 1_700_000_000_000)),
          ]),
        }
      },
      differs: ({ expected, text }) =>
        expected.ok === true && (text.trim() === "" || /-|[^ -~]|[0-9]{12}/.test(text))
          ? "refused: no level, a negative or overflowing delay, digits not ASCII; 5.5.0 delivers early"
          : undefined,
    },
    levelQueue: {
      run: ({ value }) => ({
        delayLevel2QueueId: DelayLevel.queueIdOf(value),
        queueId2DelayLevel: DelayLevel.levelOfQueue(value),
      }),
    },
    level: {
      run: ({ properties, queueId, sysFlag, topic }) => {
        const text = Properties.print(Object.entries<string>(properties))
        const placed = DelayLevel.rewrite({ topic, queueId, sysFlag, properties: text }, DelayLevel.defaultLevels)
        if (Result.isFailure(placed)) return failed
        return {
          refused: null,
          topic: placed.success.topic,
          queueId: placed.success.queueId,
          properties: sortedObject(Properties.parse(placed.success.properties)),
        }
      },
      differs: ({ properties }) =>
        properties.DELAY === "" ? "an empty value does not survive the property text, so there is no level" : undefined,
    },
    retryPolicy: {
      run: ({ reconsumeTimes, ...vector }) => String(RetryPolicy.nextDelayMs(retryPolicyOf(vector), reconsumeTimes)),
      differs: ({ expected }) =>
        typeof expected !== "string"
          ? "the last delay, also for the largest number of attempts: 5.5.0 adds 2 to it and overflows"
          : expected.startsWith("-")
            ? "the maximum: 5.5.0 overflows, and the delay is in the past"
            : undefined,
    },
    groupRetryPolicyDefault: {
      run: () => ({
        retryPolicy: "CustomizedRetryPolicy",
        type: SubscriptionGroup.defaults("g").groupRetryPolicy.type,
      }),
    },
  },
  absent: {
    timer: "the timer wheel",
    timerRelative: "the timer wheel",
    recallHandleBuild: "the timer wheel",
    recallHandleDecode: "the timer wheel",
    popClientDelaySeconds: "POP",
    popRewriteSeconds: "POP",
    popCheckpointRewriteSeconds: "POP",
  },
}
