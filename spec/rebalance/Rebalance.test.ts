/** Rebalance.tla: the design keeps P3 and P8 while members come and go, and each seeded bug is found. */
import { describeSpec, type SeededBug } from "../describeSpec.ts"

const small = "MCRebalance.cfg"
const live = "MCRebalanceLive.cfg"
const noRestart = { RestartsMax: "0" }
/** Out of order takes two messages of one queue. */
const twoMessages = { Length: "2", QueueNums: "1", RestartsMax: "0" }

const bugs: ReadonlyArray<SeededBug> = [
  { bug: "OwnOrder", config: small, constants: noRestart, invariant: "Agreement" },
  { bug: "ListWithoutMe", config: small, invariant: "NotForNothing" },
  { bug: "BeginsAtEnd", config: small, constants: noRestart, invariant: "NoLoss" },
  { bug: "DropTellsPulled", config: small, constants: noRestart, invariant: "NoLoss" },
  { bug: "TellsHighest", config: small, constants: twoMessages, invariant: "NoLoss" },
  { bug: "SeesOnce", config: live, invariant: "Settles" },
]

describeSpec({
  bugs,
  models: [
    { config: live, transitions: [8_000, 30_000], what: "P3, P8: settles when nobody comes or goes any more" },
    { config: small, transitions: [150_000, 400_000], what: "P3, P8: loses nothing, and shares fit together" },
  ],
  name: "Rebalance",
})
