/** How a server's end is told: by a signal, by a fault, by a defect. Signals are tried in cliProcess.test.ts. */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { CliFault } from "../../src/cli/CliFault.ts"
import { serve } from "../../src/cli/serve.ts"

it("tells a server's fault as its sentence, after closing what was open", async () => {
  const order: Array<string> = []
  const server = Effect.gen(function* () {
    yield* Effect.addFinalizer(() => Effect.sync(() => void order.push("closed")))
    order.push("open")
    return yield* Effect.fail(new Error("The store stopped: the disk is gone."))
  })
  const error: unknown = await serve(server).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(CliFault)
  expect(error).toMatchObject({ exitCode: 1, message: "The store stopped: the disk is gone." })
  expect(order).toEqual(["open", "closed"])
})

it("hands a defect on as it is, with its stack", async () => {
  const defect = new TypeError("not a function")
  await expect(serve(Effect.die(defect))).rejects.toBe(defect)
})
