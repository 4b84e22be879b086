/**
 * Requests sent and not yet answered, by `opaque`. One timer serves them all: it is set for the earliest deadline
 * known and looks through the table when it fires, so a request that is answered in time costs no timer at all.
 *
 * Laws (test/model/remoting.test.ts)
 *   once   each request's `done` runs exactly once: with its answer, or with the reason why there is none
 *   own    an answer counts only on the connection that the request went out on
 */
import type { Command } from "../../format/Command.ts"
import type { Clock } from "../clock/Clock.ts"
import { RemotingError } from "./RemotingError.ts"
import type { RemotingReason } from "./RemotingError.ts"

export type Done = (outcome: Command | RemotingError) => void

interface Pending {
  readonly peer: string
  readonly deadlineMs: number
  readonly done: Done
  /** The connection it was written to; undefined while one is being opened. */
  via: object | undefined
}

export class Correlation {
  readonly #clock: Clock
  readonly #pending = new Map<number, Pending>()
  #opaque = 0
  #timerDueMs = Infinity
  #cancelTimer: () => void = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#pending.size
  }

  /** A number for the next request, an int32 that is not negative and not in use. */
  nextOpaque(): number {
    do this.#opaque = (this.#opaque + 1) & 0x7fffffff
    while (this.#pending.has(this.#opaque))
    return this.#opaque
  }

  add(opaque: number, peer: string, via: object | undefined, timeoutMs: number, done: Done): void {
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs
    this.#pending.set(opaque, { deadlineMs, done, peer, via })
    this.#arm(deadlineMs)
  }

  /** Notes the connection that a request was written to; false when nobody waits for it any more. */
  sent(opaque: number, via: object): boolean {
    const pending = this.#pending.get(opaque)
    if (pending === undefined) return false
    pending.via = via
    return true
  }

  /** Hands an answer to its request; false when there is none (late, or not this connection's). */
  answered(answer: Command, via: object): boolean {
    const pending = this.#pending.get(answer.opaque)
    if (pending === undefined || pending.via !== via) return false
    this.#pending.delete(answer.opaque)
    pending.done(answer)
    return true
  }

  fail(opaque: number, reason: RemotingReason, detail?: string): void {
    const pending = this.#pending.get(opaque)
    if (pending === undefined) return
    this.#pending.delete(opaque)
    pending.done(new RemotingError(reason, pending.peer, detail))
  }

  /** Forgets a request whose asker went away; its `done` does not run. */
  forget(opaque: number): void {
    this.#pending.delete(opaque)
  }

  /** Fails every request that went out on a connection that is gone. */
  lost(via: object, detail: string): void {
    for (const [opaque, pending] of this.#pending) if (pending.via === via) this.fail(opaque, "Closed", detail)
  }

  close(): void {
    this.#cancelTimer()
    this.#timerDueMs = Infinity
    for (const opaque of this.#pending.keys()) this.fail(opaque, "Closed", "shut down")
  }

  #arm(dueMs: number): void {
    if (dueMs >= this.#timerDueMs) return
    this.#cancelTimer()
    this.#timerDueMs = dueMs
    this.#cancelTimer = this.#clock.after(Math.max(0, dueMs - this.#clock.monotonicMs()), () => this.#expire())
  }

  #expire(): void {
    this.#timerDueMs = Infinity
    const nowMs = this.#clock.monotonicMs()
    let earliestMs = Infinity
    for (const [opaque, pending] of this.#pending) {
      if (pending.deadlineMs <= nowMs) this.fail(opaque, "TimedOut")
      else earliestMs = Math.min(earliestMs, pending.deadlineMs)
    }
    this.#arm(earliestMs)
  }
}
