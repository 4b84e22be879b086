/** One waiting callback. `run` is undefined once it was cancelled or ran. */
export interface Timer {
  readonly atMs: number
  /** Orders timers of one instant; drawn from the seed. */
  readonly tie: number
  run: (() => void) | undefined
}

/** Compacting is worth its cost only when the queue is mostly cancelled timers. */
const compactAbove = 1024

/** Timers by `atMs`, then by `tie`: a binary heap. Cancelled ones stay until they surface or outnumber the live ones. */
export class TimerQueue {
  #heap: Array<Timer> = []
  #cancelled = 0

  /** Timers held, cancelled ones included. */
  get size(): number {
    return this.#heap.length
  }

  add(timer: Timer): () => void {
    this.#push(timer)
    return () => {
      if (timer.run === undefined) return
      timer.run = undefined
      this.#cancelled++
      if (this.#cancelled > compactAbove && this.#cancelled * 2 > this.#heap.length) this.#compact()
    }
  }

  /** The first live timer, left in place. */
  peek(): Timer | undefined {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.run !== undefined) return first
      this.#removeFirst()
      this.#cancelled--
    }
  }

  /** Takes the first live timer out. */
  take(): Timer | undefined {
    const first = this.peek()
    if (first !== undefined) this.#removeFirst()
    return first
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(timer)
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = heap[parentAt]!
      if (!before(timer, parent)) break
      heap[at] = parent
      at = parentAt
    }
    heap[at] = timer
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let childAt = at * 2 + 1
      if (childAt >= heap.length) break
      if (childAt + 1 < heap.length && before(heap[childAt + 1]!, heap[childAt]!)) childAt++
      const child = heap[childAt]!
      if (!before(child, last)) break
      heap[at] = child
      at = childAt
    }
    heap[at] = last
  }

  #compact(): void {
    const live = this.#heap.filter((timer) => timer.run !== undefined)
    this.#heap = []
    this.#cancelled = 0
    for (const timer of live) this.#push(timer)
  }
}

const before = (a: Timer, b: Timer): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie)
