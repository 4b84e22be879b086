/**
 * Heartbeats, as far as a broker bounds what they make it remember (P11): a client that names more groups, or subscribes
 * more, than any application needs is refused with a reason, and nothing of its heartbeat is taken.
 *
 * Laws (test/model/domain/Heartbeat.test.ts)
 *   bounded   while every accepted heartbeat is registered, no bound is ever passed
 *   renewed   a heartbeat that names nothing new is accepted as long as its client is known, however full the broker is
 * Source: none of RocketMQ's, which has no such bounds.
 */
import * as Result from "effect/Result"
import { type Refusal, refuse } from "./Refusal.ts"

export interface Bounds {
  /** RocketMQ's clients have address, process and time in 50 characters. */
  readonly clientIdLengthMax: number
  readonly groupLengthMax: number
  /** Groups that one connection is a member of. */
  readonly groupsOfConnectionMax: number
  /** Memberships of all connections together. */
  readonly membershipsMax: number
  /** Characters of one client's subscriptions, and of all clients'. */
  readonly charactersMax: number
  readonly charactersTotalMax: number
}

export const defaults: Bounds = {
  charactersMax: 4 * 1024 * 1024,
  charactersTotalMax: 128 * 1024 * 1024,
  clientIdLengthMax: 1024,
  groupLengthMax: 255,
  groupsOfConnectionMax: 10_000,
  membershipsMax: 1_000_000,
}

/** What a heartbeat brings. */
export interface Beat {
  readonly clientId: string
  /** Names of all groups, of producers and consumers. */
  readonly groups: Iterable<string>
  /** Memberships that this connection does not have yet. */
  readonly newMemberships: number
  /** Characters of its subscriptions. */
  readonly characters: number
}

/** What the broker remembers before it. */
export interface Held {
  /** Memberships of this connection, and of all. */
  readonly ofConnection: number
  readonly memberships: number
  /** Characters of all subscriptions but those that this heartbeat replaces. */
  readonly characters: number
}

/** Whether a heartbeat may be registered. */
export const decide = (beat: Beat, held: Held, bounds: Bounds = defaults): Result.Result<undefined, Refusal> => {
  const { characters, clientId, groups, newMemberships } = beat
  if (clientId.length > bounds.clientIdLengthMax)
    return refuse(
      "SYSTEM_ERROR",
      `the client id has ${clientId.length} characters, at most ${bounds.clientIdLengthMax} are taken`,
    )
  for (const group of groups) {
    if (group.length <= bounds.groupLengthMax) continue
    return refuse(
      "SYSTEM_ERROR",
      `the group ${group.slice(0, 64)}… has ${group.length} characters, at most ${bounds.groupLengthMax} are taken`,
    )
  }
  if (held.ofConnection + newMemberships > bounds.groupsOfConnectionMax)
    return refuse(
      "SYSTEM_ERROR",
      `a client is in at most ${bounds.groupsOfConnectionMax} groups on one connection. Use more connections.`,
    )
  if (newMemberships > 0 && held.memberships + newMemberships > bounds.membershipsMax)
    return refuse(
      "SYSTEM_ERROR",
      `the broker has ${held.memberships} memberships of clients in groups, at most ${bounds.membershipsMax}. Close ` +
        "clients that are not needed, or connect to another broker.",
    )
  if (characters > bounds.charactersMax)
    return refuse(
      "SYSTEM_ERROR",
      `the subscriptions of the client have ${characters} characters, at most ${bounds.charactersMax} are taken. ` +
        "Subscribe less, or by shorter expressions.",
    )
  if (characters > 0 && held.characters + characters > bounds.charactersTotalMax)
    return refuse(
      "SYSTEM_ERROR",
      `the subscriptions of all clients have ${held.characters} characters, at most ${bounds.charactersTotalMax}. ` +
        "Subscribe less, or at another broker.",
    )
  return Result.succeed(undefined)
}
