/** Transaction.tla: the design keeps P6 over crashes and late ends, and each seeded bug is found. */
import { describeSpec, type SeededBug } from "../describeSpec.ts"

const small = "MCTransaction.cfg"
const early = "MCTransactionAsync.cfg"
const live = "MCTransactionLive.cfg"

const bugs: ReadonlyArray<SeededBug> = [
  { bug: "CommitsForgotten", config: small, invariant: "AtMostOneReal" },
  { bug: "CopyForgotten", config: small, invariant: "AtMostOneReal" },
  { bug: "KeyNotLookedAt", config: early, invariant: "OnlyCommitted" },
  { bug: "CommitToldEarly", config: small, invariant: "ToldIsSo" },
  { bug: "RollbackToldEarly", config: small, invariant: "ToldIsSo" },
  { bug: "EndsAgain", config: small, invariant: "OneOutcome" },
  { bug: "ProgressPastHalf", config: small, invariant: "NoneForgotten" },
  { bug: "ProgressPastHalf", config: small, invariant: "TableIsFold" },
  { bug: "ProgressPastRollback", config: small, invariant: "NoneForgotten" },
  { bug: "OpOfNewest", config: small, invariant: "OpMatches" },
  { bug: "NotCounted", config: small, invariant: "BoundedCheck" },
  { bug: "NeverGivesUp", config: live, invariant: "Ends" },
]

describeSpec({
  bugs,
  models: [
    {
      config: early,
      transitions: [10_000, 45_000],
      what: "P6: a transaction has one outcome when its half is told at once, which a crash may take",
    },
    {
      config: small,
      transitions: [30_000, 90_000],
      what: "P6: a transaction has one outcome when its half is told as it is durable",
    },
    {
      config: live,
      transitions: [40_000, 110_000],
      what: "P6: a transaction ends though its producer never ends anything",
    },
  ],
  name: "Transaction",
})
