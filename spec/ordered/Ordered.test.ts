/** Ordered.tla: the design keeps P5 and P8 while members sleep, crash and change, and each seeded bug is found. */
import { describeSpec, type SeededBug, type WeakerDesign } from "../describeSpec.ts"

const ours = "MCOrdered.cfg"
const wire = "MCOrderedWire.cfg"
const live = "MCOrderedLive.cfg"
const noRestart = { RestartsMax: "0" }
const thirdGrant = { GrantsMax: "3", RestartsMax: "0" }

const bugs: ReadonlyArray<SeededBug> = [
  { bug: "LeaseFromAnswer", config: ours, constants: noRestart, invariant: "OneStarter" },
  { bug: "UnlocksInWork", config: ours, constants: noRestart, invariant: "NotOvertaken" },
  { bug: "GrantsAtOnce", config: ours, constants: { TroublesMax: "2" }, invariant: "OneStarter" },
  { bug: "StartsWithoutLock", config: ours, constants: noRestart, invariant: "NotOvertaken" },
  { bug: "BeginsAtEnd", config: ours, constants: noRestart, invariant: "InOrder" },
  { bug: "SkipsFailed", config: ours, constants: noRestart, invariant: "InOrder" },
  { bug: "ToldTooEarly", config: ours, constants: noRestart, invariant: "Covered" },
  { bug: "OrderForgotten", config: wire, constants: { TroublesMax: "2" }, invariant: "Forward" },
  { bug: "LeaseNeverEnds", config: live, invariant: "Freed" },
]

/** Designs that do not do, by what they break. */
const weaker: ReadonlyArray<WeakerDesign> = [
  {
    config: wire,
    constants: { ...thirdGrant, Fence: '"owner"' },
    invariant: "Forward",
    what: "who holds the lock may commit, wherever that points",
  },
  {
    config: ours,
    constants: { ...noRestart, Fence: '"holder"' },
    invariant: "ByGrant",
    what: "members do not name their grant",
  },
  {
    config: ours,
    constants: { ...noRestart, ClientLease: "3" },
    invariant: "OneStarter",
    what: "a member believes in its lock for longer than the lease",
  },
]

describeSpec({
  bugs,
  models: [
    {
      config: ours,
      transitions: [60_000, 150_000],
      what: "P5, P8: members that name their grant keep the invariants over pauses, a rebalance and a restart",
    },
    { config: wire, transitions: [50_000, 120_000], what: "P5, P8: so do members that only hold the lock" },
    { config: live, transitions: [15_000, 60_000], what: "P5, P8: and in the long run every lock is free again" },
  ],
  name: "Ordered",
  weaker,
})
