/** Which records a group is to see: shared by the checkers of delivery. */
import * as Result from "effect/Result"
import * as Subscription from "../../../../src/domain/Subscription.ts"
import * as Sql92 from "../../../../src/domain/Sql92.ts"
import * as Properties from "../../../../src/domain/Properties.ts"
import { PropertyName } from "../../../../src/domain/Properties.ts"
import * as Topic from "../../../../src/domain/Topic.ts"
import type { BrokerView, LogRecord } from "../Evidence.ts"
import type { GroupPlan } from "../Settings.ts"

const parse = (topic: string, expression: string, type: string | undefined): Subscription.Subscription =>
  Result.getOrThrow(Subscription.parseTyped(topic, expression, type))

/** The topics that a group reads, with what it wants of each. */
export const subscriptionsOf = (group: GroupPlan): ReadonlyMap<string, Subscription.Subscription> => {
  const all = group.subscriptions.map(({ expression, topic, type }) => [topic, expression, type] as const)
  if (!group.isOrderly) all.push([Topic.retryTopic(group.name), Subscription.subscribeAll, undefined])
  return new Map(all.map(([topic, expression, type]) => [topic, parse(topic, expression, type)]))
}

const picks = (expression: string, { message }: LogRecord): boolean => {
  const filter = Sql92.compile(expression)
  if (!Sql92.isFilter(filter)) throw new Error(Sql92.printFault(filter))
  return Sql92.matches(filter, Sql92.viewOf(filter, Properties.parse(message.properties)))
}

/** The records of a broker that the group is to see, in the order of the log. */
export function* recordsFor(group: GroupPlan, view: BrokerView): Generator<LogRecord> {
  const subscriptions = subscriptionsOf(group)
  for (const record of view.records) {
    const subscription = subscriptions.get(record.message.topic)
    if (subscription === undefined) continue
    const code = Subscription.tagsCode(Properties.find(record.message.properties, PropertyName.TAGS))
    if (!Subscription.matchesCode(subscription, code)) continue
    if (Subscription.isTagType(subscription.expressionType) || picks(subscription.subString, record)) yield record
  }
}
