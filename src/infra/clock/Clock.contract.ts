/** What every adapter of the Clock port keeps (the guarantees named in Clock.ts). */
import { expect, it } from "vitest"
import type { Clock } from "./Clock.ts"

export interface ClockBench {
  readonly clock: Clock
  /** Lets time go by until `done` holds; fails when it never does. */
  readonly wait: (done: () => boolean) => Promise<void>
}

export const suite = (name: string, open: () => ClockBench): void => {
  const law = (title: string, body: (bench: ClockBench) => Promise<void>): void =>
    it(`${name}: ${title}`, () => body(open()))

  law("later: nothing runs within the call", async ({ clock, wait }) => {
    const ran: Array<string> = []
    clock.after(0, () => ran.push("after"))
    clock.soon(() => ran.push("soon"))
    expect(ran).toEqual([])
    await wait(() => ran.length === 2)
  })

  law("once: a cancelled timer never runs, a timer that ran is cancelled in vain", async ({ clock, wait }) => {
    let cancelled = 0
    let ran = 0
    const cancel = clock.after(1, () => cancelled++)
    const late = clock.after(2, () => ran++)
    cancel()
    cancel()
    await wait(() => ran === 1)
    late()
    let end = false
    clock.after(5, () => (end = true))
    await wait(() => end)
    expect([cancelled, ran]).toEqual([0, 1])
  })

  law("due: timers run by their due time", async ({ clock, wait }) => {
    const ran: Array<number> = []
    for (const delayMs of [60, 20, 40, 0]) clock.after(delayMs, () => ran.push(delayMs))
    await wait(() => ran.length === 4)
    expect(ran).toEqual([0, 20, 40, 60])
  })

  law("turn: soon keeps its order, and what it is given meanwhile waits a turn", async ({ clock, wait }) => {
    const ran: Array<string> = []
    clock.soon(() => {
      ran.push("a")
      clock.soon(() => ran.push("c"))
    })
    clock.soon(() => ran.push("b"))
    await wait(() => ran.length === 3)
    expect(ran).toEqual(["a", "b", "c"])
  })

  law("the monotonic clock never goes back and moves on; the wall clock counts whole milliseconds", async (bench) => {
    const { clock, wait } = bench
    const seen = [clock.monotonicMs()]
    const startMs = clock.nowMs()
    expect(Number.isSafeInteger(startMs)).toBe(true)
    let timers = 0
    for (const delayMs of [1, 2, 3, 4, 5]) {
      clock.after(delayMs, () => {
        seen.push(clock.monotonicMs())
        timers++
      })
    }
    await wait(() => timers === 5)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    expect(seen.at(-1)).toBeGreaterThan(seen[0]!)
  })
}
