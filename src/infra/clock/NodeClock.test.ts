import { setImmediate } from "node:timers/promises"
import { expect, it } from "vitest"
import { suite } from "./Clock.contract.ts"
import { nodeClock } from "./NodeClock.ts"

const wait = async (done: () => boolean): Promise<void> => {
  while (!done()) await setImmediate()
}

suite("NodeClock", () => ({ clock: nodeClock, wait }))

it("a delay longer than a timer can count does not fire at once", async () => {
  const ran: Array<string> = []
  const cancel = nodeClock.after(2 ** 40, () => ran.push("in 35 years"))
  nodeClock.after(3, () => ran.push("now"))
  await wait(() => ran.length > 0)
  cancel()
  expect(ran).toEqual(["now"])
})
