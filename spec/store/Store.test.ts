/** Store.tla: the design keeps P1, P2 and P9 over crashes, failed syncs and rot, and each seeded bug is found. */
import { describeSpec, type SeededBug } from "../describeSpec.ts"

const small = "MCStore.cfg"
const live = "MCStoreLive.cfg"

const bugs: ReadonlyArray<SeededBug> = [
  { bug: "AckEarly", config: small, invariant: "AckedDurable" },
  { bug: "FsyncRetried", config: small, invariant: "AckedDurable" },
  { bug: "TailZeroedFirst", config: small, invariant: "AckedDurable" },
  { bug: "DispatchUnflushed", config: small, invariant: "DispatchedDurable" },
  { bug: "PageCacheTrusted", config: small, invariant: "DispatchedDurable" },
  { bug: "CutBelowMark", config: small, invariant: "RotRefused" },
  { bug: "MarkAhead", config: small, invariant: "MarkBehind" },
  { bug: "NoTruncateAfterRecovery", config: small, invariant: "Prefix" },
  { bug: "NoTruncateAfterRecovery", config: small, invariant: "Dense" },
  { bug: "AppendBeforeSync", config: small, invariant: "Prefix" },
  { bug: "AppendBeforeSync", config: small, invariant: "Idempotent" },
  { bug: "CheckpointAhead", config: small, invariant: "CheckpointBehind" },
  { bug: "QueueNotRebuilt", config: small, invariant: "QueueIsFold" },
  { bug: "LastOfBatchOnly", config: live, invariant: "Answered" },
  { bug: "NeverReopened", config: live, invariant: "Returns" },
]

describeSpec({
  bugs,
  models: [
    {
      config: live,
      transitions: [2_500, 10_000],
      what: "P1: answers every put that it does not fail, and comes up again",
    },
    {
      config: small,
      transitions: [20_000, 50_000],
      what: "P1, P2, P9: keeps its invariants over two crashes and one rotten record",
    },
  ],
  name: "Store",
})
