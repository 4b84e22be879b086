/**
 * Filters of consumer groups: what each group asks of the messages of a topic beyond their tags. A filter is compiled
 * when a heartbeat brings it, and lives as long as the group subscribes with it; for a day after that it is kept, so that
 * what is stored meanwhile is still marked for a group that comes back.
 *
 * The table is mutable inside its owner and bounded (P11): a group whose filter does not fit is refused its pulls.
 *
 * Laws (test/model/domain/ConsumerFilter.test.ts)
 *   newest    of two versions of a filter the greater counts, whichever comes last
 *   alive     a filter is alive exactly while its group subscribes the topic with it
 *   bounded   expressions and names together are no longer than `charactersMax`; those of groups that are gone go first
 *   honest    a filter that cannot be read is kept with the reason, so that a pull is told why
 * Source: behaviour of RocketMQ 5.5.0 (ConsumerFilterManager, FilterDataMapByTopic).
 */
import * as BloomFilter from "./BloomFilter.ts"
import * as Sql92 from "./Sql92.ts"
import { type Subscription, isTagType } from "./Subscription.ts"

export interface ConsumerFilter {
  readonly topic: string
  readonly group: string
  readonly expression: string
  readonly expressionType: string
  /** `subVersion` of the subscription that brought it. */
  version: number
  /** When this expression was first heard of, ms. */
  readonly bornMs: number
  /**
   * Where the log ended then: records from there on are marked for it. RocketMQ goes by the time, and when a clock is set
   * back takes messages that were stored before for ones that are marked, and loses them.
   */
  readonly bornOffset: number
  /** Since when nobody subscribes with it, ms; 0 while somebody does. */
  deadMs: number
  /** Places of its bits in the mark of a message. */
  readonly positions: ReadonlyArray<number>
  readonly compiled: Compiled
}

/** A filter, or the sentence that says why there is none. */
export type Compiled = Sql92.Filter | string

export interface ConsumerFilters {
  readonly topics: Map<string, Map<string, ConsumerFilter>>
  /** The topics of a group that has filters. */
  readonly ofGroup: Map<string, Set<string>>
  /** Those that are dead, in the order in which they died. */
  readonly dead: Set<ConsumerFilter>
  /** What pulls that bring their own expression asked for last, by type and expression. */
  readonly recent: Map<string, Compiled>
  readonly bloom: BloomFilter.BloomFilter
  readonly hash: (text: string) => BloomFilter.Hash
  readonly charactersMax: number
  characters: number
  /** Grows with every change: whether a snapshot is still what the table says. */
  changes: number
}

/** When something is heard of: by the wall clock, ms, and by the end of the log. */
export interface Now {
  readonly ms: number
  readonly logOffset: number
}

/** As many as RocketMQ remembers. */
const recentMax = 100

/** `hash` is murmur3: see `src/format/Murmur3.ts`. */
export const make = (
  bloom: BloomFilter.BloomFilter,
  hash: (text: string) => BloomFilter.Hash,
  charactersMax = 1_048_576,
): ConsumerFilters => ({
  bloom,
  changes: 0,
  characters: 0,
  charactersMax,
  dead: new Set(),
  hash,
  ofGroup: new Map(),
  recent: new Map(),
  topics: new Map(),
})

/** Compiles an expression of a type that is not TAG. */
export const compile = (expression: string, expressionType: string): Compiled => {
  if (expressionType !== "SQL92") return `there is no filter of type ${expressionType.slice(0, 40)}: use TAG or SQL92`
  const filter = Sql92.compile(expression)
  return Sql92.isFilter(filter) ? filter : Sql92.printFault(filter)
}

/** The same, remembered for the next pull: a consumer that brings its expression brings it with every pull. */
export const compileAgain = (table: ConsumerFilters, expression: string, expressionType: string): Compiled => {
  if (expression.length > Sql92.lengthMax) return compile(expression, expressionType)
  const key = `${expressionType.slice(0, 40)} ${expression}`
  const known = table.recent.get(key)
  if (known !== undefined) return known
  const compiled = compile(expression, expressionType)
  for (const oldest of table.recent.keys()) {
    if (table.recent.size < recentMax) break
    table.recent.delete(oldest)
  }
  table.recent.set(key, compiled)
  return compiled
}

export const find = (table: ConsumerFilters, topic: string, group: string): ConsumerFilter | undefined =>
  table.topics.get(topic)?.get(group)

/** The filters of a topic, those of groups that are gone for less than a day included. */
export const ofTopic = (table: ConsumerFilters, topic: string): ReadonlyMap<string, ConsumerFilter> | undefined =>
  table.topics.get(topic)

/**
 * A group now subscribes exactly this, by topic: new filters are compiled, those that it dropped die. Answers the
 * filters that are new and cannot be used.
 */
export const subscribed = (
  table: ConsumerFilters,
  group: string,
  subscriptions: ReadonlyMap<string, Subscription>,
  now: Now,
): ReadonlyArray<ConsumerFilter> => {
  const unusable: Array<ConsumerFilter> = []
  for (const topic of table.ofGroup.get(group) ?? []) {
    const filter = find(table, topic, group)
    const subscription = subscriptions.get(topic)
    if (filter === undefined || filter.deadMs !== 0) continue
    if (subscription !== undefined && !isTagType(subscription.expressionType)) continue
    filter.deadMs = now.ms
    table.dead.add(filter)
    table.changes++
  }
  for (const subscription of subscriptions.values()) {
    if (isTagType(subscription.expressionType) || subscription.subString === "") continue
    const made = heard(table, group, subscription, now)
    if (typeof made?.compiled === "string") unusable.push(made)
  }
  return unusable
}

/** Nobody of the group is connected any more. */
export const gone = (table: ConsumerFilters, group: string, now: Now): void => {
  subscribed(table, group, new Map(), now)
}

/** Takes out what is dead for `keptMs`: the setting filterDataCleanTimeSpan, a day. */
export const expire = (table: ConsumerFilters, nowMs: number, keptMs: number): void => {
  for (const filter of table.dead) if (nowMs - filter.deadMs >= keptMs) remove(table, filter)
}

/**
 * Whether a group still takes a message that it failed to consume, by its filter of the topic that the message came from:
 * the setting filterSupportRetry, which is off. A filter that cannot be read takes it.
 */
export const takesRetried = (
  table: ConsumerFilters,
  group: string,
  realTopic: string | undefined,
  accepts: (filter: Sql92.Filter) => boolean,
): boolean => {
  const compiled = realTopic === undefined ? undefined : find(table, realTopic, group)?.compiled
  return compiled === undefined || typeof compiled === "string" || accepts(compiled)
}

/** Puts back what a snapshot holds. What was alive counts as dead since `downMs`, until a heartbeat brings it again. */
export const restore = (table: ConsumerFilters, saved: Iterable<Saved>, downMs: number): void => {
  const deadSince = ({ bornMs, deadMs }: Saved): number => (deadMs === 0 ? Math.max(bornMs, downMs) : deadMs)
  for (const one of [...saved].toSorted((a, b) => deadSince(a) - deadSince(b))) {
    if (one.expression === "" || isTagType(one.expressionType)) continue
    add(table, { ...one, deadMs: deadSince(one) })
  }
}

/** What of a filter is kept in a snapshot. */
export type Saved = Pick<
  ConsumerFilter,
  "topic" | "group" | "expression" | "expressionType" | "version" | "bornMs" | "bornOffset" | "deadMs"
>

export function* all(table: ConsumerFilters): Iterable<ConsumerFilter> {
  for (const filters of table.topics.values()) yield* filters.values()
}

/** The mark of a message of a topic: the bits of the groups whose filters take it. Undefined when no group has one. */
export const markOf = (
  table: ConsumerFilters,
  topic: string,
  accepts: (filter: Sql92.Filter) => boolean,
): Uint8Array | undefined => {
  const filters = table.topics.get(topic)
  if (filters === undefined) return undefined
  const mark = new Uint8Array(table.bloom.bits / 8)
  for (const { compiled, positions } of filters.values())
    if (typeof compiled !== "string" && accepts(compiled)) BloomFilter.add(mark, positions)
  return mark
}

/**
 * Whether the mark beside a queue entry lets a message pass. A mark says something only of a record behind the place where
 * the filter was first known, and only when it was made with bits of the same size.
 */
export const mayMatch = (
  table: ConsumerFilters,
  filter: ConsumerFilter,
  commitLogOffset: number,
  mark: Uint8Array,
): boolean =>
  commitLogOffset < filter.bornOffset || mark.length * 8 !== table.bloom.bits || BloomFilter.has(mark, filter.positions)

const heard = (
  table: ConsumerFilters,
  group: string,
  subscription: Subscription,
  now: Now,
): ConsumerFilter | undefined => {
  const { expressionType, subString: expression, subVersion: version, topic } = subscription
  const known = find(table, topic, group)
  if (known !== undefined) {
    if (version < known.version) return undefined
    const isSame = known.expression === expression && known.expressionType === expressionType
    // Members of one group that start in the same ms with other filters: the first of them counts, as in RocketMQ.
    if (isSame || version === known.version) {
      if (version !== known.version || known.deadMs !== 0) table.changes++
      known.version = version
      known.deadMs = 0
      table.dead.delete(known)
      return undefined
    }
  }
  return add(table, {
    bornMs: now.ms,
    bornOffset: now.logOffset,
    deadMs: 0,
    expression,
    expressionType,
    group,
    topic,
    version,
  })
}

/** A filter that does not fit is answered with the reason and not kept. */
const add = (table: ConsumerFilters, saved: Saved): ConsumerFilter => {
  const { bornMs, bornOffset, deadMs, expression, expressionType, group, topic, version } = saved
  const known = find(table, topic, group)
  if (known !== undefined) remove(table, known)
  const isFitting = makeRoom(table, weight(saved))
  const filter: ConsumerFilter = {
    bornMs,
    bornOffset,
    compiled: isFitting ? compile(expression, expressionType) : "the broker has no room for more filters",
    deadMs,
    expression,
    expressionType,
    group,
    positions: BloomFilter.positions(table.bloom, table.hash(`${group}#${topic}`)),
    topic,
    version,
  }
  if (!isFitting) return filter
  table.changes++
  table.characters += weight(filter)
  if (deadMs !== 0) table.dead.add(filter)
  const filters = table.topics.get(topic)
  if (filters === undefined) table.topics.set(topic, new Map([[group, filter]]))
  else filters.set(group, filter)
  const topics = table.ofGroup.get(group)
  if (topics === undefined) table.ofGroup.set(group, new Set([topic]))
  else topics.add(topic)
  return filter
}

const remove = (table: ConsumerFilters, filter: ConsumerFilter): void => {
  table.changes++
  table.characters -= weight(filter)
  table.dead.delete(filter)
  const filters = table.topics.get(filter.topic)
  filters?.delete(filter.group)
  if (filters?.size === 0) table.topics.delete(filter.topic)
  const topics = table.ofGroup.get(filter.group)
  topics?.delete(filter.topic)
  if (topics?.size === 0) table.ofGroup.delete(filter.group)
}

/** Names weigh, too: a client may name many topics. */
const weight = ({ expression, group, topic }: Saved): number => expression.length + group.length + topic.length

const makeRoom = (table: ConsumerFilters, characters: number): boolean => {
  for (const dead of table.dead) {
    if (table.characters + characters <= table.charactersMax) break
    remove(table, dead)
  }
  return table.characters + characters <= table.charactersMax
}
