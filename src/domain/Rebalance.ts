/**
 * Rebalance: which queues of a topic each member of a group consumes. Members do not talk to each other: each lays out
 * the same queues and the same client ids in the same order and takes its own share.
 *
 * Laws (test/model/domain/Rebalance.test.ts)
 *   whole      with one view, the shares of all members together are all queues (those of the member's rooms, for
 *              MACHINE_ROOM), and no queue is in two shares; CONFIG promises neither
 *   even       AVG and AVG_BY_CIRCLE give any two members numbers of queues that differ by one at most
 *   same view  the order in which queues and ids arrive does not matter to `assign`
 * Source: behaviour of RocketMQ 5.5.0 (AllocateMessageQueueStrategy and its six classes).
 */
import * as Result from "effect/Result"
import * as HashRing from "./HashRing.ts"
import { compare as compareText } from "./JavaString.ts"
import { type MessageQueue, compare, isEqual, print } from "./MessageQueue.ts"
import { type Refusal, refuse } from "./Refusal.ts"

export interface Allocation {
  readonly currentClientId: string
  readonly queues: ReadonlyArray<MessageQueue>
  readonly clientIds: ReadonlyArray<string>
}

/**
 * A rule of sharing. It takes queues and ids in the order given. Refused with INVALID_PARAMETER, and then the share
 * stays as it was: nothing to share, nobody to share among, a room that is not known.
 */
export interface Strategy {
  readonly name: string
  readonly allocate: (allocation: Allocation) => Result.Result<ReadonlyArray<MessageQueue>, Refusal>
}

/**
 * The share of the current client: what `strategy` gives it once queues and ids are in the order that all members use.
 */
export const assign = (
  strategy: Strategy,
  allocation: Allocation,
): Result.Result<ReadonlyArray<MessageQueue>, Refusal> =>
  strategy.allocate({
    currentClientId: allocation.currentClientId,
    queues: allocation.queues.toSorted(compare),
    clientIds: allocation.clientIds.toSorted(compareText),
  })

/** What changes from one share to the next. */
export const difference = (
  owned: Iterable<MessageQueue>,
  assigned: ReadonlyArray<MessageQueue>,
): { readonly added: ReadonlyArray<MessageQueue>; readonly removed: ReadonlyArray<MessageQueue> } => {
  const before = [...owned]
  return {
    added: assigned.filter((queue) => !holds(before, queue)),
    removed: before.filter((queue) => !holds(assigned, queue)),
  }
}

/** AVG, the default: consecutive queues, the first members take one more when it does not come out even. */
export const average: Strategy = {
  name: "AVG",
  allocate: guarded(({ clientIds, queues }, index) => {
    const rest = queues.length % clientIds.length
    const takesMore = rest > 0 && index < rest
    const each = Math.floor(queues.length / clientIds.length)
    const size = queues.length <= clientIds.length ? 1 : takesMore ? each + 1 : each
    const start = takesMore ? index * size : index * size + rest
    return queues.slice(start, start + size)
  }),
}

/** AVG_BY_CIRCLE: one queue after the other to one member after the other. */
export const averageByCircle: Strategy = {
  name: "AVG_BY_CIRCLE",
  allocate: guarded(({ clientIds, queues }, index) => queues.filter((_, i) => i % clientIds.length === index)),
}

/** CONFIG: always these queues, whoever else there is. */
export const config = (queues: ReadonlyArray<MessageQueue>): Strategy => ({
  name: "CONFIG",
  allocate: () => Result.succeed(queues),
})

/**
 * MACHINE_ROOM: brokers named `<room>@<name>`; the queues of the given rooms, shared like AVG with the rest one by
 * one.
 */
export const machineRoom = (rooms: ReadonlySet<string>): Strategy => ({
  name: "MACHINE_ROOM",
  allocate: guarded(({ clientIds, queues }, index) => {
    const kept = queues.filter((queue) => {
      const parts = splitRoom(queue.brokerName)
      return parts.length === 2 && rooms.has(parts[0]!)
    })
    const each = Math.floor(kept.length / clientIds.length)
    const rest = kept.length % clientIds.length
    const share = kept.slice(index * each, (index + 1) * each)
    if (index < rest) share.push(kept[index + each * clientIds.length]!)
    return share
  }),
})

/** CONSISTENT_HASH: by a ring of the members; few queues move when a member comes or goes. */
export const consistentHash = (hash: HashRing.Hash, virtualNodeCount = 10): Result.Result<Strategy, Refusal> =>
  virtualNodeCount < 0
    ? refuse(
        "INVALID_PARAMETER",
        `illegal virtualNodeCnt :${virtualNodeCount}. Give at least one place per client, such as 10.`,
      )
    : Result.succeed({
        name: "CONSISTENT_HASH",
        allocate: guarded(({ clientIds, currentClientId, queues }) => {
          const ring = HashRing.make(clientIds, virtualNodeCount, hash)
          return queues.filter((queue) => HashRing.ownerOf(ring, print(queue), hash) === currentClientId)
        }),
      })

/** Says in which room a broker or a client stands; undefined or "" when not known. */
export interface RoomResolver {
  readonly ofBroker: (queue: MessageQueue) => string | undefined
  readonly ofClient: (clientId: string) => string | undefined
}

/**
 * MACHINE_ROOM_NEARBY: a room's queues among its own members by the inner strategy; rooms without members among all.
 */
export const machineRoomNearby = (inner: Strategy, resolver: RoomResolver): Strategy => ({
  name: `MACHINE_ROOM_NEARBY-${inner.name}`,
  allocate: (allocation) => {
    const invalid = invalidOf(allocation)
    if (invalid !== undefined) return refuse("INVALID_PARAMETER", invalid)
    const { clientIds, currentClientId, queues } = allocation
    if (!clientIds.includes(currentClientId)) return Result.succeed([])
    const queuesOf = groupBy(queues, resolver.ofBroker)
    if (Result.isFailure(queuesOf)) return noRoom(`mq ${print(queuesOf.failure)}`)
    const clientsOf = groupBy(clientIds, resolver.ofClient)
    if (Result.isFailure(clientsOf)) return noRoom(`consumer id ${clientsOf.failure}`)

    const share: Array<MessageQueue> = []
    const room = resolver.ofClient(currentClientId)!
    const shares = [...queuesOf.success]
      .filter(([name]) => name === room || !clientsOf.success.has(name))
      // The own room first, then the rooms that nobody is in, by name.
      .toSorted(([left], [right]) => (left === room ? -1 : right === room ? 1 : compareText(left, right)))
    for (const [name, ofRoom] of shares) {
      const ids = name === room ? clientsOf.success.get(room)! : clientIds
      const part = inner.allocate({ currentClientId, queues: ofRoom, clientIds: ids })
      if (Result.isFailure(part)) return part
      share.push(...part.success)
    }
    return Result.succeed(share)
  },
})

/** Wraps a rule in the checks that all but CONFIG share; the rule gets the current client's place among the ids. */
function guarded(share: (allocation: Allocation, index: number) => ReadonlyArray<MessageQueue>): Strategy["allocate"] {
  return (allocation) => {
    const invalid = invalidOf(allocation)
    if (invalid !== undefined) return refuse("INVALID_PARAMETER", invalid)
    const index = allocation.clientIds.indexOf(allocation.currentClientId)
    return Result.succeed(index < 0 ? [] : share(allocation, index))
  }
}

const holds = (queues: ReadonlyArray<MessageQueue>, queue: MessageQueue): boolean =>
  queues.some((other) => isEqual(other, queue))

const invalidOf = (allocation: Allocation): string | undefined =>
  allocation.currentClientId === ""
    ? "currentCID is empty"
    : allocation.queues.length === 0
      ? "mqAll is null or mqAll empty"
      : allocation.clientIds.length === 0
        ? "cidAll is null or cidAll empty"
        : undefined

const noRoom = (what: string): Result.Result<never, Refusal> =>
  refuse("INVALID_PARAMETER", `Machine room is null for ${what}. Teach the resolver its room.`)

/** Splits like Java: empty parts at the end do not count. */
const splitRoom = (brokerName: string): ReadonlyArray<string> => {
  const parts = brokerName.split("@")
  while (parts.length > 1 && parts.at(-1) === "") parts.pop()
  return parts
}

const groupBy = <A>(
  all: ReadonlyArray<A>,
  roomOf: (one: A) => string | undefined,
): Result.Result<ReadonlyMap<string, ReadonlyArray<A>>, A> => {
  const rooms = new Map<string, Array<A>>()
  for (const one of all) {
    const room = roomOf(one)
    if (room === undefined || room === "") return Result.fail(one)
    const group = rooms.get(room)
    if (group === undefined) rooms.set(room, [one])
    else group.push(one)
  }
  return Result.succeed(rooms)
}
