import type { Clock } from "./Clock.ts"

/** The longest delay that `setTimeout` takes; a longer one would fire at once. */
const timeoutMsMax = 0x7fff_ffff

const after = (delayMs: number, run: () => void): (() => void) => {
  let timer: NodeJS.Timeout
  const arm = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, timeoutMsMax)
    timer = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : run()), stepMs)
    timer.unref()
  }
  arm(Math.max(0, Math.ceil(delayMs)))
  return () => clearTimeout(timer)
}

/** The machine's clocks and the event loop's timers. */
export const nodeClock: Clock = {
  after,
  monotonicMs: () => performance.now(),
  nowMs: () => Date.now(),
  soon: (run) => {
    setImmediate(run)
  },
}
