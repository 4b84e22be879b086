/**
 * Consumer groups as a broker sees them: which clients are connected, what they subscribe to, when they fall silent.
 *
 * The table is mutable inside its owner. A group's subscription of a topic is the newest that a connected member has
 * sent. RocketMQ lets every heartbeat remove what the other members subscribe, so that members with different topics
 * take them from each other by turns; here a topic goes when its last subscriber drops it.
 *
 * Laws (test/model/domain/ConsumerGroup.test.ts)
 *   members    a group holds exactly the connections that registered, have not closed and were not silent for too long
 *   newest     the subscription of a topic has the greatest `subVersion` of all members' for it
 *   told       `changed` is true exactly when the set of connections or of subscribed topics became another
 *   empty      a group without connections is gone
 *   weighed    `size` counts the memberships, `characters` what their subscriptions say: the owner bounds both (P11)
 *   mixed      `mixes` names a topic exactly when members of a clustering group do not ask for the same of it
 * Source: behaviour of RocketMQ 5.5.0 (ConsumerManager).
 */
import { type Subscription, isTagType } from "./Subscription.ts"

export type ConsumeType = "CONSUME_ACTIVELY" | "CONSUME_PASSIVELY" | "CONSUME_POP"
export type MessageModel = "BROADCASTING" | "CLUSTERING"
export type ConsumeFromWhere =
  | "CONSUME_FROM_LAST_OFFSET"
  | "CONSUME_FROM_FIRST_OFFSET"
  | "CONSUME_FROM_TIMESTAMP"
  | "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST"
  | "CONSUME_FROM_MIN_OFFSET"
  | "CONSUME_FROM_MAX_OFFSET"

/** A client that is silent for longer is dropped. */
export const channelExpiredTimeoutMs = 120_000

/** One connected client of a group. `C` is whatever the owner knows a connection by. */
export interface Client<C> {
  readonly connection: C
  readonly clientId: string
  readonly language: number
  readonly version: number
  lastUpdateMs: number
}

interface Member<C> extends Client<C> {
  subscriptions: ReadonlyMap<string, Subscription>
}

export interface Group<C> {
  readonly groupName: string
  readonly members: Map<C, Member<C>>
  /** The newest subscription of each topic that a member subscribes to. */
  readonly subscriptions: Map<string, Subscription>
  consumeType: ConsumeType
  messageModel: MessageModel
  consumeFromWhere: ConsumeFromWhere
  /** Of the last heartbeat v2; 0 before the first. */
  fingerprint: number
}

export interface ConsumerGroups<C> {
  readonly groups: Map<string, Group<C>>
  /** Which groups a connection is a member of: what its end has to clear. */
  readonly ofConnection: Map<C, Set<string>>
  /** Memberships, over all groups. */
  size: number
  /** Characters of the names, expressions and tags that the members subscribe. */
  characters: number
}

export const make = <C>(): ConsumerGroups<C> => ({
  groups: new Map(),
  ofConnection: new Map(),
  size: 0,
  characters: 0,
})

/** One group of one heartbeat. */
export interface Heartbeat<C> {
  readonly groupName: string
  readonly connection: C
  readonly clientId: string
  readonly language: number
  readonly version: number
  readonly consumeType: ConsumeType
  readonly messageModel: MessageModel
  readonly consumeFromWhere: ConsumeFromWhere
  readonly subscriptions: Iterable<Subscription>
  /** A short heartbeat v2: the subscriptions sent before stay as they are. */
  readonly withoutSub?: boolean
  /** 0 or absent: a plain heartbeat. */
  readonly fingerprint?: number
  readonly nowMs: number
}

export interface Heard {
  /** The members or the subscribed topics of the group changed: tell every member. */
  readonly changed: boolean
  /** What the answer says as IS_SUB_CHANGE: send the full form next time. Always true for a plain heartbeat. */
  readonly subChanged: boolean
  /** The client asks for other messages than before: see `mixes`. */
  readonly asksOtherwise: boolean
}

/** Registers a client with its subscriptions, or renews it. */
export const register = <C>(table: ConsumerGroups<C>, heartbeat: Heartbeat<C>): Heard => {
  const group = table.groups.get(heartbeat.groupName) ?? addGroup(table, heartbeat)
  group.consumeType = heartbeat.consumeType
  group.messageModel = heartbeat.messageModel
  group.consumeFromWhere = heartbeat.consumeFromWhere
  const known = group.members.get(heartbeat.connection)
  const isNew = known === undefined || known.clientId !== heartbeat.clientId
  const member = isNew ? addMember(table, group, heartbeat) : known
  member.lastUpdateMs = heartbeat.nowMs
  let topicsChanged = false
  let asksOtherwise = isNew
  if (heartbeat.withoutSub !== true) {
    const before = member.subscriptions
    member.subscriptions = newestByTopic(before, heartbeat.subscriptions)
    table.characters += weigh(member.subscriptions.values()) - weigh(before.values())
    topicsChanged = settle(group, before, member.subscriptions)
    asksOtherwise ||= isOther(before, member.subscriptions)
  }
  const fingerprint = heartbeat.fingerprint ?? 0
  const subChanged = fingerprint === 0 || (group.fingerprint !== 0 && group.fingerprint !== fingerprint)
  if (fingerprint !== 0) group.fingerprint = fingerprint
  return { asksOtherwise, changed: isNew || topicsChanged, subChanged }
}

/** Takes a client out of one group. Answers whether the group changed, so that the other members are to be told. */
export const unregister = <C>(table: ConsumerGroups<C>, groupName: string, connection: C): boolean => {
  const group = table.groups.get(groupName)
  const member = group?.members.get(connection)
  if (group === undefined || member === undefined) return false
  group.members.delete(connection)
  table.size--
  table.characters -= weigh(member.subscriptions.values())
  const groups = table.ofConnection.get(connection)
  groups?.delete(groupName)
  if (groups?.size === 0) table.ofConnection.delete(connection)
  settle(group, member.subscriptions, new Map())
  if (group.members.size === 0) table.groups.delete(groupName)
  return true
}

/** Takes a closed connection out of all its groups, and answers their names. */
export const disconnected = <C>(table: ConsumerGroups<C>, connection: C): ReadonlyArray<string> => {
  const names = [...(table.ofConnection.get(connection) ?? [])]
  for (const name of names) unregister(table, name, connection)
  return names
}

/** The connections whose client was silent in some group for longer than 120 s: the owner closes them. */
export const expired = <C>(table: ConsumerGroups<C>, nowMs: number): ReadonlyArray<C> => {
  const silent = new Set<C>()
  for (const group of table.groups.values()) {
    for (const member of group.members.values()) {
      if (nowMs - member.lastUpdateMs > channelExpiredTimeoutMs) silent.add(member.connection)
    }
  }
  return [...silent]
}

/** When `expired` has something to answer at the earliest, or undefined while nobody is connected. */
export const nextDueMs = <C>(table: ConsumerGroups<C>): number | undefined => {
  let due: number | undefined
  for (const group of table.groups.values()) {
    for (const member of group.members.values()) {
      const at = member.lastUpdateMs + channelExpiredTimeoutMs + 1
      if (due === undefined || at < due) due = at
    }
  }
  return due
}

export const find = <C>(table: ConsumerGroups<C>, groupName: string): Group<C> | undefined =>
  table.groups.get(groupName)

/** The group's subscription of a topic; the pull path asks this once per request. */
export const subscriptionOf = <C>(
  table: ConsumerGroups<C>,
  groupName: string,
  topic: string,
): Subscription | undefined => table.groups.get(groupName)?.subscriptions.get(topic)

/** The client that a connection speaks for in a group; undefined for strangers, such as administrators. */
export const clientOf = <C>(table: ConsumerGroups<C>, groupName: string, connection: C): Client<C> | undefined =>
  table.groups.get(groupName)?.members.get(connection)

/** Client ids of a group, each once; empty when nobody is connected. */
export const clientIds = <C>(table: ConsumerGroups<C>, groupName: string): ReadonlyArray<string> => {
  const ids = new Set<string>()
  for (const member of table.groups.get(groupName)?.members.values() ?? []) ids.add(member.clientId)
  return [...ids]
}

export const clients = <C>(table: ConsumerGroups<C>, groupName: string): ReadonlyArray<Client<C>> => [
  ...(table.groups.get(groupName)?.members.values() ?? []),
]

/** A topic that the members of a group do not all ask the same of. */
export interface Mix {
  readonly topic: string
  /** Each condition, and who asks for it; undefined: does not subscribe the topic. */
  readonly asked: ReadonlyArray<{ readonly asks: string | undefined; readonly clientIds: ReadonlyArray<string> }>
}

/**
 * Where members of a group subscribe differently, by topic. A queue belongs to one member at a time, who passes over,
 * and so settles, what only the others want: the group loses those messages. In a broadcasting group each member has
 * its own progress, so there it is nobody's loss.
 */
export const mixes = <C>(group: Group<C> | undefined): ReadonlyArray<Mix> => {
  if (group === undefined || group.messageModel === "BROADCASTING" || group.members.size < 2) return []
  const found: Array<Mix> = []
  for (const topic of group.subscriptions.keys()) {
    const asked = new Map<string | undefined, Set<string>>()
    for (const { clientId, subscriptions } of group.members.values()) {
      const subscription = subscriptions.get(topic)
      const asks = subscription === undefined ? undefined : askedBy(subscription)
      const clientIds = asked.get(asks)
      if (clientIds === undefined) asked.set(asks, new Set([clientId]))
      else clientIds.add(clientId)
    }
    if (asked.size < 2) continue
    found.push({ asked: [...asked].map(([asks, clientIds]) => ({ asks, clientIds: [...clientIds] })), topic })
  }
  return found
}

/** One line, shortened: who asks for what of which topic. */
export const printMixes = (found: ReadonlyArray<Mix>): string =>
  listed(
    found.map(({ asked, topic }) => {
      const parts = asked.map(
        ({ asks, clientIds }) => `${asks === undefined ? "nothing" : shortened(asks)} by ${listed(clientIds)}`,
      )
      return `${topic}: ${listed(parts, "; ")}`
    }),
    " / ",
  )

const shortened = (text: string): string => (text.length > 80 ? `${text.slice(0, 79)}…` : text)

const listed = (items: ReadonlyArray<string>, separator = ", "): string =>
  items.length > 4 ? `${items.slice(0, 4).join(separator)} and ${items.length - 4} more` : items.join(separator)

/** What a subscription asks for, however its tags are written. */
const askedBy = ({ expressionType, subString, tagsSet }: Subscription): string => {
  if (!isTagType(expressionType)) return `${expressionType} ${subString}`
  return tagsSet.size === 0 ? subString : [...tagsSet].toSorted().join(" || ")
}

const isOther = (before: ReadonlyMap<string, Subscription>, now: ReadonlyMap<string, Subscription>): boolean => {
  if (before.size !== now.size) return true
  for (const [topic, subscription] of now) {
    const other = before.get(topic)
    if (other === undefined || (other !== subscription && askedBy(other) !== askedBy(subscription))) return true
  }
  return false
}

/** Names of the groups that subscribe a topic now. */
export const groupsOfTopic = <C>(table: ConsumerGroups<C>, topic: string): ReadonlyArray<string> => {
  const names: Array<string> = []
  for (const group of table.groups.values()) if (group.subscriptions.has(topic)) names.push(group.groupName)
  return names
}

/** Who is told that a group changed: nobody in a broadcasting group, where each client has all queues anyway. */
export const toNotify = <C>(table: ConsumerGroups<C>, groupName: string): ReadonlyArray<C> => {
  const group = table.groups.get(groupName)
  return group === undefined || group.messageModel === "BROADCASTING" ? [] : [...group.members.keys()]
}

const addGroup = <C>(table: ConsumerGroups<C>, heartbeat: Heartbeat<C>): Group<C> => {
  const group: Group<C> = {
    groupName: heartbeat.groupName,
    members: new Map(),
    subscriptions: new Map(),
    consumeType: heartbeat.consumeType,
    messageModel: heartbeat.messageModel,
    consumeFromWhere: heartbeat.consumeFromWhere,
    fingerprint: 0,
  }
  table.groups.set(heartbeat.groupName, group)
  return group
}

const addMember = <C>(table: ConsumerGroups<C>, group: Group<C>, heartbeat: Heartbeat<C>): Member<C> => {
  const member: Member<C> = {
    connection: heartbeat.connection,
    clientId: heartbeat.clientId,
    language: heartbeat.language,
    version: heartbeat.version,
    lastUpdateMs: heartbeat.nowMs,
    // A client that renames itself on one connection keeps what it subscribed until it sends something else.
    subscriptions: group.members.get(heartbeat.connection)?.subscriptions ?? new Map(),
  }
  if (!group.members.has(heartbeat.connection)) table.size++
  group.members.set(heartbeat.connection, member)
  const groups = table.ofConnection.get(heartbeat.connection)
  if (groups === undefined) table.ofConnection.set(heartbeat.connection, new Set([group.groupName]))
  else groups.add(group.groupName)
  return member
}

/** What a member now subscribes: an older version than the one it sent before does not replace it. */
const newestByTopic = (
  before: ReadonlyMap<string, Subscription>,
  sent: Iterable<Subscription>,
): ReadonlyMap<string, Subscription> => {
  const now = new Map<string, Subscription>()
  for (const subscription of sent) {
    const other = now.get(subscription.topic) ?? before.get(subscription.topic)
    now.set(
      subscription.topic,
      other !== undefined && other.subVersion >= subscription.subVersion ? other : subscription,
    )
  }
  return now
}

/** The weight of what one connection subscribes in a group. */
export const weightOf = <C>(table: ConsumerGroups<C>, groupName: string, connection: C): number => {
  const member = table.groups.get(groupName)?.members.get(connection)
  return member === undefined ? 0 : weigh(member.subscriptions.values())
}

/** Characters that subscriptions hold in memory; a code counts as eight. */
export const weigh = (subscriptions: Iterable<Subscription>): number => {
  let characters = 0
  for (const { codeSet, subString, tagsSet, topic } of subscriptions) {
    characters += topic.length + subString.length + 8 * codeSet.size
    for (const tag of tagsSet) characters += tag.length
  }
  return characters
}

/** Brings the group's table up to date for the topics of one member; answers whether the set of topics changed. */
const settle = <C>(
  group: Group<C>,
  before: ReadonlyMap<string, Subscription>,
  now: ReadonlyMap<string, Subscription>,
): boolean => {
  let changed = false
  for (const [topic, subscription] of now) {
    const current = group.subscriptions.get(topic)
    if (current === undefined) changed = true
    if (current === undefined || subscription.subVersion > current.subVersion) {
      group.subscriptions.set(topic, subscription)
    }
  }
  for (const topic of before.keys()) {
    if (now.has(topic)) continue
    const left = newestOf(group, topic)
    if (left !== undefined) group.subscriptions.set(topic, left)
    else if (group.subscriptions.delete(topic)) changed = true
  }
  return changed
}

const newestOf = <C>(group: Group<C>, topic: string): Subscription | undefined => {
  let newest: Subscription | undefined
  for (const member of group.members.values()) {
    const subscription = member.subscriptions.get(topic)
    if (subscription !== undefined && (newest === undefined || subscription.subVersion > newest.subVersion)) {
      newest = subscription
    }
  }
  return newest
}
