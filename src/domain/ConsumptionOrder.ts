/**
 * Which groups consume which topics in order. A broker learns it from the first lock that it grants, and keeps it longer
 * than any lock: locks are forgotten with a restart, and a while after they were given back, and then a member that slept
 * all the while must still not move the group's progress back (P5; ConsumerOffset).
 *
 * The table is mutable inside its owner, and a fold of the log.
 *
 * Laws (test/model/domain/ConsumptionOrder.test.ts)
 *   replay   folding the events over an empty table gives the table
 *   once     a topic of a group is told once, until one of them is deleted
 * Source: spec/ordered/Ordered.tla (isOrdered, OrderForgotten); Gantry's own.
 */

/** Group → topics. */
export type ConsumptionOrder = Map<string, Set<string>>

export type Event =
  | { readonly _tag: "Ordered"; readonly group: string; readonly topics: ReadonlyArray<string> }
  | { readonly _tag: "TopicDeleted"; readonly topic: string }
  | { readonly _tag: "GroupDeleted"; readonly group: string }

export const make = (): ConsumptionOrder => new Map()

export const isOrdered = (order: ConsumptionOrder, group: string, topic: string): boolean =>
  order.size > 0 && order.get(group)?.has(topic) === true

/** Locks of these topics are granted to a member of the group: what is new by that, if anything is. */
export const decide = (
  order: ConsumptionOrder,
  group: string,
  topics: Iterable<string>,
): Extract<Event, { readonly _tag: "Ordered" }> | undefined => {
  const fresh = [...new Set(topics)].filter((topic) => !isOrdered(order, group, topic))
  return fresh.length === 0 ? undefined : { _tag: "Ordered", group, topics: fresh }
}

/** Applies one durable event. */
export const evolve = (order: ConsumptionOrder, event: Event): void => {
  switch (event._tag) {
    case "Ordered": {
      const known = order.get(event.group)
      if (known === undefined) order.set(event.group, new Set(event.topics))
      else for (const topic of event.topics) known.add(topic)
      return
    }
    case "TopicDeleted":
      for (const [group, topics] of order) {
        topics.delete(event.topic)
        if (topics.size === 0) order.delete(group)
      }
      return
    case "GroupDeleted":
      order.delete(event.group)
  }
}
