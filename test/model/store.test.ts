/**
 * The MessageStore against the reference model, on a simulated disk (promises P1, P2, P9). A failure prints the
 * commands that lead to it and a seed that replays them.
 */
import * as fc from "fast-check"
import { it } from "vitest"
import { commands, finish, tied } from "./store/commands.ts"
import { StoreRig } from "./store/StoreRig.ts"

/** A failure is replayed, and a longer search made, by STORE_FC: fast-check's parameters as JSON, and `replayPath`. */
const { replayPath, ...parameters } = JSON.parse(
  process.env["STORE_FC"] ?? '{"numRuns":200}',
) as fc.Parameters<unknown> & {
  replayPath?: string
}

it("P1 P2 P9 the store shows what the model shows, whatever happens to it", () => {
  fc.assert(
    fc.property(fc.nat(), commands(replayPath), (seed, all) => {
      const rig = new StoreRig({ seed }).open()
      const model = tied()
      fc.modelRun(() => ({ model, real: rig }), all)
      finish(model, rig)
    }),
    parameters,
  )
})
