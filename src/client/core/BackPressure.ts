/**
 * Bounds what a producer has under way, in messages and bytes. Who comes when it is full waits in line; a message larger
 * than all room there is goes when nothing else is under way.
 *
 * Laws (test/model/client/backPressure.test.ts)
 *   bounded  what is let in and not released stays within both bounds, but for one lone message
 *   in line  who came first goes first
 */
import * as FlowControl from "../../domain/FlowControl.ts"
import type { Clock } from "../../infra/clock/Clock.ts"

interface Waiting {
  readonly sizeBytes: number
  readonly enter: () => void
  readonly cancelTimer: () => void
}

export class BackPressure {
  readonly #clock: Clock
  readonly #room: FlowControl.Room
  #messages = 0
  #bytes = 0
  #line: Array<Waiting> = []

  constructor(clock: Clock, room: FlowControl.Room) {
    this.#clock = clock
    this.#room = room
  }

  get messages(): number {
    return this.#messages
  }

  get bytes(): number {
    return this.#bytes
  }

  get waiting(): number {
    return this.#line.length
  }

  /** Runs `entered` when there is room, possibly at once, or `late` after `timeoutMs`. The answer leaves the line. */
  enter(sizeBytes: number, timeoutMs: number, entered: () => void, late: () => void): () => void {
    if (this.#line.length === 0 && this.#hasRoom(sizeBytes)) {
      this.#take(sizeBytes)
      entered()
      return () => {}
    }
    const leave = (): void => {
      waiting.cancelTimer()
      const at = this.#line.indexOf(waiting)
      if (at < 0) return
      this.#line.splice(at, 1)
      this.#letIn()
    }
    const cancelTimer = this.#clock.after(timeoutMs, () => {
      leave()
      late()
    })
    const waiting: Waiting = { cancelTimer, enter: entered, sizeBytes }
    this.#line.push(waiting)
    return leave
  }

  release(sizeBytes: number): void {
    this.#messages--
    this.#bytes -= sizeBytes
    this.#letIn()
  }

  #letIn(): void {
    for (let [first] = this.#line; first !== undefined && this.#hasRoom(first.sizeBytes); [first] = this.#line) {
      this.#line.shift()
      first.cancelTimer()
      this.#take(first.sizeBytes)
      first.enter()
    }
  }

  #hasRoom(sizeBytes: number): boolean {
    return FlowControl.hasRoom(this.#room, this.#messages, this.#bytes, sizeBytes)
  }

  #take(sizeBytes: number): void {
    this.#messages++
    this.#bytes += sizeBytes
  }
}
