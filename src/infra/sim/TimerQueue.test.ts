import fc from "fast-check"
import { expect, it } from "vitest"
import { TimerQueue } from "./TimerQueue.ts"

const run = (): void => {}

it("takes live timers by time and tie, however they were added and cancelled", () => {
  const timers = fc.array(fc.record({ atMs: fc.nat(20), cancelled: fc.boolean(), tie: fc.nat(1000) }), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(timers, (all) => {
      const queue = new TimerQueue()
      const cancels = all.map(({ atMs, tie }) => queue.add({ atMs, run, tie }))
      for (const [at, { cancelled }] of all.entries()) if (cancelled) cancels[at]!()
      const taken: Array<readonly [number, number]> = []
      for (let timer = queue.take(); timer !== undefined; timer = queue.take()) taken.push([timer.atMs, timer.tie])
      const live = all.filter(({ cancelled }) => !cancelled).map(({ atMs, tie }) => [atMs, tie] as const)
      expect(taken).toEqual(live.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]))
    }),
  )
})

it("forgets cancelled timers before they are due", () => {
  const queue = new TimerQueue()
  queue.add({ atMs: 5, run, tie: 0 })
  for (let n = 0; n < 5000; n++) queue.add({ atMs: 1000 + (n % 7), run, tie: n })()
  expect(queue.peek()?.atMs).toBe(5)
  expect(queue.size).toBeLessThan(2500)
  expect(queue.take()?.atMs).toBe(5)
  expect(queue.take()).toBeUndefined()
  expect(queue.size).toBe(0)
})
