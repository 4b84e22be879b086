/** Filters as the store asks them: of the properties of a record, where they lie. */
import * as ConsumerFilter from "../../domain/ConsumerFilter.ts"
import { PropertyName } from "../../domain/Properties.ts"
import * as Sql92 from "../../domain/Sql92.ts"
import { PropertyBytes } from "../../format/PropertyBytes.ts"
import type { Marks } from "../../infra/store/Dispatch.ts"
import type { Accepts } from "../../infra/store/MessageReader.ts"

const known = new WeakMap<Sql92.Filter, Accepts>()

/** Whether a filter takes a message. Its view of the properties is made once, and turned to each message. */
export const acceptsOf = (filter: Sql92.Filter): Accepts => {
  const made = known.get(filter)
  if (made !== undefined) return made
  const view = new PropertyBytes(filter.names)
  const accepts: Accepts = (buffer, start, end) => {
    view.look(buffer, start, end)
    return Sql92.matches(filter, view)
  }
  known.set(filter, accepts)
  return accepts
}

/** Whether a group still takes messages of its retry topic, by its filters of the topics that they came from. */
export const acceptsRetried = (filters: ConsumerFilter.ConsumerFilters, group: string): Accepts => {
  const view = new PropertyBytes([PropertyName.RETRY_TOPIC])
  return (buffer, start, end) => {
    view.look(buffer, start, end)
    const accepts = (filter: Sql92.Filter): boolean => acceptsOf(filter)(buffer, start, end)
    return ConsumerFilter.takesRetried(filters, group, view.text(0), accepts)
  }
}

/** The marks of messages, for all the filters of their topics. */
export const marksOf =
  (filters: ConsumerFilter.ConsumerFilters): Marks =>
  (topic, buffer, start, end) =>
    ConsumerFilter.markOf(filters, topic, (filter) => acceptsOf(filter)(buffer, start, end))
