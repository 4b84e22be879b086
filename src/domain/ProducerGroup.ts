/**
 * Producer groups as a broker sees them: the connections that a transaction check or a reply can be sent to.
 *
 * Laws (test/model/domain/ProducerGroup.test.ts)
 *   members  a group holds exactly the connections that registered, have not closed and were not silent for too long
 *   fair     as many picks in a row as there are usable connections answer each of them once
 *   one id   a connection speaks for one client, that of its last heartbeat: no more ids are known than connections (P11)
 * Source: behaviour of RocketMQ 5.5.0 (ProducerManager).
 */
import { channelExpiredTimeoutMs, type Client } from "./ConsumerGroup.ts"

export interface ProducerGroups<C> {
  readonly groups: Map<string, Map<C, Client<C>>>
  readonly ofConnection: Map<C, Set<string>>
  readonly ofClientId: Map<string, Client<C>>
  /** The id that each connection is known by. */
  readonly idOf: Map<C, string>
  /** Memberships, over all groups. */
  size: number
  /** Where the next pick starts. */
  turn: number
}

export const make = <C>(): ProducerGroups<C> => ({
  groups: new Map(),
  ofConnection: new Map(),
  ofClientId: new Map(),
  idOf: new Map(),
  size: 0,
  turn: 0,
})

/** Registers a client in a group, or renews it. Answers whether it is new there. */
export const register = <C>(table: ProducerGroups<C>, groupName: string, client: Client<C>): boolean => {
  let members = table.groups.get(groupName)
  if (members === undefined) table.groups.set(groupName, (members = new Map()))
  const isNew = !members.has(client.connection)
  members.set(client.connection, client)
  if (isNew) table.size++
  if (table.idOf.get(client.connection) !== client.clientId) forgetId(table, client.connection)
  table.idOf.set(client.connection, client.clientId)
  table.ofClientId.set(client.clientId, client)
  const groups = table.ofConnection.get(client.connection)
  if (groups === undefined) table.ofConnection.set(client.connection, new Set([groupName]))
  else groups.add(groupName)
  return isNew
}

/** Takes a client out of one group. */
export const unregister = <C>(table: ProducerGroups<C>, groupName: string, connection: C): void => {
  const members = table.groups.get(groupName)
  if (members === undefined || !members.delete(connection)) return
  table.size--
  if (members.size === 0) table.groups.delete(groupName)
  const groups = table.ofConnection.get(connection)!
  groups.delete(groupName)
  if (groups.size > 0) return
  table.ofConnection.delete(connection)
  forgetId(table, connection)
}

const forgetId = <C>(table: ProducerGroups<C>, connection: C): void => {
  const clientId = table.idOf.get(connection)
  if (clientId === undefined) return
  table.idOf.delete(connection)
  // A client that reconnected is known by its newer connection already.
  if (table.ofClientId.get(clientId)?.connection === connection) table.ofClientId.delete(clientId)
}

/** Takes a closed connection out of all its groups. */
export const disconnected = <C>(table: ProducerGroups<C>, connection: C): void => {
  for (const name of table.ofConnection.get(connection) ?? []) unregister(table, name, connection)
}

/** The connections that were silent in some group for longer than 120 s: the owner closes them. */
export const expired = <C>(table: ProducerGroups<C>, nowMs: number): ReadonlyArray<C> => {
  const silent = new Set<C>()
  for (const members of table.groups.values()) {
    for (const client of members.values()) {
      if (nowMs - client.lastUpdateMs > channelExpiredTimeoutMs) silent.add(client.connection)
    }
  }
  return [...silent]
}

/** When `expired` has something to answer at the earliest, or undefined while nobody is connected. */
export const nextDueMs = <C>(table: ProducerGroups<C>): number | undefined => {
  let due: number | undefined
  for (const members of table.groups.values()) {
    for (const client of members.values()) {
      const at = client.lastUpdateMs + channelExpiredTimeoutMs + 1
      if (due === undefined || at < due) due = at
    }
  }
  return due
}

export const clients = <C>(table: ProducerGroups<C>, groupName: string): ReadonlyArray<Client<C>> => [
  ...(table.groups.get(groupName)?.values() ?? []),
]

/** The connection on which a client with this id was heard last: where a reply goes. */
export const findClient = <C>(table: ProducerGroups<C>, clientId: string): Client<C> | undefined =>
  table.ofClientId.get(clientId)

/** The next connection of a group, by turns, that `isUsable`; undefined when none is. */
export const pick = <C>(
  table: ProducerGroups<C>,
  groupName: string,
  isUsable: (connection: C) => boolean,
): Client<C> | undefined => {
  const members = clients(table, groupName)
  for (let i = 0; i < members.length; i++) {
    const at = (table.turn + i) % members.length
    const client = members[at]!
    if (!isUsable(client.connection)) continue
    table.turn = at + 1
    return client
  }
  return undefined
}
