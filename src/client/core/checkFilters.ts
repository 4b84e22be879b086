/** Has a broker check the conditions of a consumer's subscriptions, where they are more than tags. */
import { type Subscription, isTagType } from "../../domain/Subscription.ts"
import { CheckClientConfig } from "../../format/Heartbeat.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { standard } from "../../format/shape.ts"
import { GantryError } from "../GantryError.ts"
import type { Instance } from "./Instance.ts"
import * as Peers from "./Peers.ts"

/** `done` gets the refusal of the first condition that a broker does not take. */
export const checkFilters = (
  instance: Instance,
  group: string,
  subscriptions: ReadonlyArray<Subscription>,
  done: (error: GantryError | undefined) => void,
): void => {
  const asked = subscriptions.flatMap((subscription) => {
    const address = isTagType(subscription.expressionType) ? undefined : instance.routes.someBroker(subscription.topic)
    return address === undefined ? [] : [{ address, subscription }]
  })
  let left = asked.length
  let failure: GantryError | undefined
  if (left === 0) return done(undefined)
  for (const { address, subscription } of asked) {
    const body = CheckClientConfig.encode(
      { clientId: instance.clientId, group, subscriptionData: subscription },
      standard,
    )
    const request = { body, code: RequestCode.CHECK_CLIENT_CONFIG }
    Peers.ask(instance.remoting, address, request, instance.settings.requestTimeoutMs, (answer) => {
      if (answer instanceof GantryError) failure ??= answer
      if (--left === 0) done(failure)
    })
  }
}
