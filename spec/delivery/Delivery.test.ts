/** Delivery.tla: the design keeps P1, P3, P4 and P8 from send to settlement, and each seeded bug is found. */
import { describeSpec, type SeededBug } from "../describeSpec.ts"

const small = "MCDelivery.cfg"
const live = "MCDeliveryLive.cfg"

/** One dead message blocks another one: it takes two, and no crash. */
const twoMessages = { BrokerCrashesMax: "0", ConsumerCrashesMax: "0", Msgs: "{m1, m2}" }

const bugs: ReadonlyArray<SeededBug> = [
  { bug: "AckEarly", config: small, invariant: "NoAckedLost" },
  { bug: "PullUnflushed", config: small, invariant: "VisibleIsDurable" },
  { bug: "SettledEarly", config: small, invariant: "OffsetCovered" },
  { bug: "OffsetPastHand", config: small, invariant: "OffsetCovered" },
  { bug: "NotRedelivered", config: small, invariant: "OffsetCovered" },
  { bug: "OneTryTooMany", config: small, invariant: "RetryBounded" },
  { bug: "DeadTooEarly", config: small, invariant: "RetryBounded" },
  { bug: "TriesForgotten", config: small, invariant: "TriesCounted" },
  { bug: "OffsetMovesBack", config: live, invariant: "OffsetForward" },
  { bug: "BlockedByDead", config: live, constants: twoMessages, invariant: "Settled" },
]

describeSpec({
  bugs,
  models: [
    {
      config: small,
      transitions: [40_000, 100_000],
      what: "P1, P3, P4, P8: keeps its invariants over a crash on both sides",
    },
    {
      config: live,
      transitions: [70_000, 160_000],
      what: "P3, P4: settles every answered message, and no offset goes back",
    },
  ],
  name: "Delivery",
})
