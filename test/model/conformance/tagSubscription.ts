/** Vectors of tag-subscription.json: subscriptions by tags. */
import * as Result from "effect/Result"
import * as Subscription from "../../../src/domain/Subscription.ts"
import { type Account, failed } from "./Account.ts"

const subscriptionOf = (subscription: Subscription.Subscription): Record<string, unknown> => ({
  subString: subscription.subString,
  tagsSet: [...subscription.tagsSet].toSorted(),
  codeSet: [...subscription.codeSet].toSorted((a, b) => a - b),
  expressionType: subscription.expressionType,
})

export const account: Account = {
  checks: {
    build: {
      run: ({ expression, tags }) => {
        const parsed = Subscription.parse("T", expression ?? undefined)
        if (Result.isFailure(parsed)) return failed
        const subscription = parsed.success
        return {
          ...subscriptionOf(subscription),
          matches: tags.map((tag: string | null) =>
            Subscription.matchesCode(subscription, Subscription.tagsCode(tag ?? undefined)),
          ),
          matchesUnknown: Subscription.matchesCode(subscription, undefined),
          // The code of tag "A" with bits above the 32 that count, as a queue file may hold it.
          matchesHighBits: Subscription.matchesCode(subscription, Subscription.tagsCode(tags[0]) + 2 ** 32),
        }
      },
    },
    typed: {
      run: ({ expression, type }) => {
        const parsed = Subscription.parseTyped("T", expression ?? undefined, type ?? undefined)
        if (Result.isFailure(parsed)) return failed
        return {
          ...subscriptionOf(parsed.success),
          isTagType: Subscription.isTagType(parsed.success.expressionType),
        }
      },
    },
  },
}
