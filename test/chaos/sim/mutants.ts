/** Seeded bugs: one or more for each checker, small enough to be read, each a mistake that somebody could make. */
import * as ConsumerOffset from "../../../src/domain/ConsumerOffset.ts"
import { PropertyName } from "../../../src/domain/Properties.ts"
import * as Properties from "../../../src/domain/Properties.ts"
import { TopicName } from "../../../src/domain/Topic.ts"
import type { GroupConfig } from "../../../src/domain/SubscriptionGroup.ts"
import { isGantry, type TopicConfig } from "../../../src/domain/Topic.ts"
import type { Clock } from "../../../src/infra/clock/Clock.ts"
import type { Appended, MessageStore } from "../../../src/infra/store/MessageStore.ts"
import type { Broker } from "../../../src/node/broker/Broker.ts"
import type { Mutant } from "./Mutant.ts"
import type { Fixed } from "./Settings.ts"

type Put = MessageStore["put"]

/** Puts something in the place of `put`; `real` is the one that was there. */
const overPut = ({ state }: Broker, replace: (real: Put) => Put): void => {
  const { store } = state
  store.put = replace(store.put.bind(store))
}

/** Counts calls, so that a bug shows now and then. */
const everyNth = (n: number): (() => boolean) => {
  let count = 0
  return () => ++count % n === 0
}

/** A clock on which timers of `ms` take `insteadMs`. */
const slowAt = (ms: number, insteadMs: number, clock: Clock): Clock => ({
  after: (delayMs, run) => clock.after(delayMs === ms ? insteadMs : delayMs, run),
  monotonicMs: () => clock.monotonicMs(),
  nowMs: () => clock.nowMs(),
  soon: (run) => clock.soon(run),
})

const isOwn = (topic: string): boolean => isGantry(topic)

/** Three members of an orderly group share four queues of one broker. */
const threeOfFour: Fixed = {
  brokers: 1,
  groups: [
    {
      consumers: 3,
      isOrderly: true,
      maxReconsumeTimes: 3,
      name: "ledger",
      subscriptions: [{ expression: "*", topic: "steps" }],
    },
  ],
  topics: [{ isPrepared: true, name: "steps", queueNums: 4 }],
}

export const mutants: ReadonlyArray<Mutant> = [
  {
    // A commit does not say whose it is, so that a start finds a half without an end.
    broker: (broker) =>
      overPut(
        broker,
        (real) => (queue, message, waiter, isSystem) =>
          real(
            queue,
            (message.sysFlag & 0xc) === 8 ? { ...message, preparedTransactionOffset: 0 } : message,
            waiter,
            isSystem,
          ),
      ),
    foundBy: "decided",
    name: "forgets whose commit it is",
    needs: ["powerCut", "processKill"],
    settings: { brokers: 1, messagesMax: 20, transactionsMax: 150 },
  },
  {
    // The answer does not wait for the disk.
    broker: (broker) =>
      overPut(broker, (real) => (queue, message, waiter, isSystem) => {
        if (isOwn(queue.topic)) return real(queue, message, waiter, isSystem)
        const put = real(queue, message, undefined, isSystem)
        if (typeof put !== "string") broker.state.world.clock.soon(() => waiter?.stored("Stored", put))
        return put
      }),
    foundBy: "durable",
    name: "answers before the sync",
    needs: ["slowSync", "powerCut"],
  },
  {
    // By ASYNC_FLUSH, the log is synced so rarely that hardly anything is.
    foundBy: "durable",
    name: "syncs once a minute",
    needs: ["powerCut"],
    settings: { flush: "ASYNC_FLUSH", loadMs: 30_000 },
    world: (world) => ({ ...world, clock: slowAt(500, 60_000, world.clock) }),
  },
  {
    // One bit of a body changes on its way to the log.
    broker: (broker) => {
      const isTurn = everyNth(30)
      overPut(broker, (real) => (queue, message, waiter, isSystem) => {
        if (isOwn(queue.topic) || !isTurn()) return real(queue, message, waiter, isSystem)
        const body = Buffer.from(message.body)
        body[body.length - 1]! ^= 1
        return real(queue, { ...message, body }, waiter, isSystem)
      })
    },
    foundBy: "durable",
    name: "flips a bit",
  },
  {
    // A message is put behind the one that follows it.
    broker: (broker) => {
      const isTurn = everyNth(10)
      overPut(broker, (real) => (queue, message, waiter, isSystem) => {
        if (isOwn(queue.topic) || !isTurn()) return real(queue, message, waiter, isSystem)
        const kept = { ...message, body: Buffer.from(message.body) }
        broker.state.world.clock.after(1, () => void real(queue, kept, waiter, isSystem))
        return { commitLogOffset: 0, queueOffset: 0 } as Appended
      })
    },
    foundBy: "storedOrder",
    name: "swaps neighbours",
  },
  {
    // A queue offset is passed over.
    broker: (broker) => {
      const isTurn = everyNth(40)
      overPut(broker, (real) => (queue, message, waiter, isSystem) => {
        if (!isOwn(queue.topic) && isTurn()) queue.nextOffset++
        return real(queue, message, waiter, isSystem)
      })
    },
    foundBy: "storedOrder",
    name: "leaves a gap",
  },
  {
    // A pull begins one message too late.
    broker: ({ state }) => {
      const { store } = state
      const isTurn = everyNth(20)
      const real = store.get.bind(store)
      store.get = (request, done) => {
        const skips = isTurn() && request.queueOffset + 1 < request.queue.maxOffset
        real(skips ? { ...request, queueOffset: request.queueOffset + 1 } : request, done)
      }
    },
    foundBy: "readable",
    name: "skips a message",
  },
  {
    // Conditions are not asked now and then.
    broker: ({ state }) => {
      const { store } = state
      const real = store.get.bind(store)
      store.get = (request, done) => {
        const { accepts } = request
        const isTurn = everyNth(7)
        const wrong = accepts && ((...record: Parameters<typeof accepts>) => isTurn() || accepts(...record))
        real({ ...request, accepts: wrong }, done)
      }
    },
    foundBy: "readable",
    name: "delivers what a condition does not pick",
  },
  {
    // Tags are not looked at.
    broker: ({ state }) => {
      const { store } = state
      const real = store.get.bind(store)
      store.get = (request, done) => real({ ...request, matches: undefined }, done)
    },
    foundBy: "readable",
    name: "filters nothing",
  },
  {
    // A message that was sent back is acknowledged and forgotten.
    broker: (broker) => {
      const isTurn = everyNth(3)
      overPut(broker, (real) => (queue, message, waiter, isSystem) => {
        const isRetry = Properties.find(message.properties, PropertyName.RETRY_TOPIC) !== undefined
        if (!isRetry || isSystem === true || !isTurn()) return real(queue, message, waiter, isSystem)
        waiter?.stored("Stored", { commitLogOffset: 0 } as Appended)
        return {} as Appended
      })
    },
    foundBy: "settled",
    name: "forgets a retry",
  },
  {
    // The attempts of a message are not counted.
    broker: (broker) =>
      overPut(
        broker,
        (real) => (queue, message, waiter, isSystem) =>
          real(queue, { ...message, reconsumeTimes: 0 }, waiter, isSystem),
      ),
    foundBy: "settled",
    name: "counts no attempts",
  },
  {
    // A lock is given to the next who asks.
    broker: ({ state }) => void Object.assign(state.locks, { leaseMs: 1 }),
    foundBy: "ordered",
    name: "gives locks away",
    needs: ["partition", "clientCrash"],
    settings: { ...threeOfFour, faultEveryMs: 1500 },
  },
  {
    // Nothing fences who commits.
    broker: ({ state }) => {
      Object.assign(state.locks, { leaseMs: 1 })
      state.metadata.order.get = () => undefined
      state.metadata.noteOrder = (_event, done) => done(undefined)
    },
    foundBy: "forward",
    name: "lets anybody commit",
    needs: ["partition", "pause", "clientCrash"],
    settings: { ...threeOfFour, faultEveryMs: 700 },
  },
  {
    // Every third time that a group is looked at, one of its members is not there.
    broker: ({ state }) => {
      const isTurn = everyNth(3)
      const { groups } = state.consumers
      const real = groups.get.bind(groups)
      groups.get = (name) => {
        const group = real(name)
        if (group === undefined || !isTurn()) return group
        const [, ...others] = group.members
        return others.length === 0 ? group : { ...group, members: new Map(others) }
      }
    },
    foundBy: "shared",
    name: "forgets a member now and then",
    settings: threeOfFour,
  },
  {
    // Delayed messages are due after half of their time.
    broker: ({ state }) => {
      const { options } = state.store
      Object.assign(options, { delayLevelsMs: options.delayLevelsMs.map((ms) => ms / 2) })
    },
    foundBy: "onTime",
    name: "delivers early",
  },
  {
    // Delivered messages do not say where they come from, so that a restart delivers them again.
    broker: (broker) =>
      overPut(
        broker,
        (real) => (queue, message, waiter, isSystem) =>
          real(queue, { ...message, preparedTransactionOffset: 0 }, waiter, isSystem),
      ),
    foundBy: "onTime",
    name: "forgets what it delivered",
    needs: ["processKill"],
  },
  {
    // With a message of a level, all before it count as delivered, though another table makes some of them due later.
    broker: ({ state: { metadata } }) => {
      const real = metadata.delayDelivered.bind(metadata)
      metadata.delayDelivered = (level, queueOffset) => {
        for (let at = metadata.delayProgress(level).next; at <= queueOffset; at++) real(level, at)
      }
    },
    foundBy: "onTime",
    name: "passes over who is due later",
    needs: ["otherDelayLevels"],
    settings: { faultEveryMs: 1000 },
  },
  {
    // A reset moves the group's offset, and members that are at work never hear of it.
    broker: ({ state: { metadata } }) => {
      const { pendingResets } = metadata.offsets
      pendingResets.set = () => pendingResets
    },
    foundBy: "followed",
    name: "tells nobody of a reset",
    needs: ["offsetReset"],
  },
  {
    // A commit is answered and stays in memory.
    broker: ({ state: { metadata } }) => {
      metadata.offsetCommitted = (done) => done?.(undefined)
      metadata.flushOffsets = (done) => done(undefined)
      metadata.writeProgress = (done) => done(undefined)
    },
    foundBy: "progressKept",
    name: "drops commits",
    needs: ["processKill"],
  },
  {
    // What was pulled counts as consumed.
    world: (world) => {
      let state: Broker["state"] | undefined
      started.set(world.disk, (broker) => (state = broker.state))
      const trace: typeof world.trace = (action, fields) => {
        world.trace?.(action, fields)
        if (action !== "Pull" || state === undefined) return
        ConsumerOffset.commit(state.metadata.offsets, {
          clientId: undefined,
          group: String(fields["group"]),
          holder: undefined,
          nowMs: 0,
          queueId: Number(fields["queueId"]),
          queueOffset: Number(fields["queueOffset"]) + Number(fields["count"]),
          topic: String(fields["topic"]),
        })
        state.metadata.offsetCommitted()
      }
      return { ...world, trace }
    },
    broker: (broker) => started.get(broker.state.world.disk)?.(broker),
    foundBy: "progressKept",
    name: "commits what is pulled",
  },
  {
    // New topics and groups are written to their files and not to the log.
    broker: ({ state: { metadata } }) => {
      metadata.change = (topics, groups, done) => {
        const { groups: oldGroups, topics: oldTopics } = metadata
        for (const config of topics) (oldTopics as Map<string, TopicConfig>).set(config.topicName, config)
        for (const config of groups) (oldGroups as Map<string, GroupConfig>).set(config.groupName, config)
        metadata.writeAll((failure) => {
          metadata.onTopicsChanged(topics)
          done(failure)
        })
      }
    },
    foundBy: "oneTruth",
    name: "logs no topics",
  },
  {
    // A pull is answered with bytes that nobody looked at.
    broker: ({ state }) => {
      const { store } = state
      const isTurn = everyNth(10)
      const real = store.get.bind(store)
      store.get = (request, done) =>
        real(request, (error, result) => {
          if (result === undefined || !isTurn()) return done(error, result)
          const copyTo: typeof result.copyTo = (target, at) => {
            const isGood = result.copyTo(target, at)
            target[at + result.sizeBytes - 30]! ^= 1
            return isGood
          }
          done(error, { ...result, copyTo })
        })
    },
    foundBy: "sound",
    name: "serves rot",
  },
  {
    // A handler throws.
    broker: (broker) => {
      const isTurn = everyNth(50)
      overPut(broker, (real) => (queue, message, waiter, isSystem) => {
        if (queue.topic !== TopicName.SCHEDULE && !isOwn(queue.topic) && isTurn()) throw new TypeError("seeded")
        return real(queue, message, waiter, isSystem)
      })
    },
    foundBy: "sound",
    name: "throws",
  },
]

/** For mutants that need the broker in their world: told by the disk, which both have. */
const started = new WeakMap<object, (broker: Broker) => void>()
