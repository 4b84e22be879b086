/** How far long work has come, on standard error, when a person looks on. */

/** Milliseconds between two looks at the clock's news, and between two turns of the event loop. */
const intervalMs = 200

export class Progress {
  readonly #what: string
  readonly #total: number
  #saidMs = Date.now()
  #isShown = false

  /** `what` is being done, as in "verified"; `total` is where it ends. */
  constructor(what: string, total: number) {
    this.#what = what
    this.#total = total
  }

  /** Runs to the end, and lets signals and output through in between. `place` tells how far a value of `work` has come. */
  async run<Y, R>(
    work: Generator<Y, R>,
    place: (value: Y) => number,
    each?: (value: Y) => Promise<boolean>,
  ): Promise<R | undefined> {
    try {
      for (;;) {
        const { done, value } = work.next()
        if (done === true) return value
        if (each !== undefined && !(await each(value))) return undefined
        await this.#at(place(value))
      }
    } finally {
      this.#clear()
    }
  }

  async #at(done: number): Promise<void> {
    const nowMs = Date.now()
    if (nowMs - this.#saidMs < intervalMs) return
    this.#saidMs = nowMs
    if (process.stderr.isTTY) {
      const percent = this.#total <= 0 ? 100 : Math.min(100, Math.floor((done / this.#total) * 100))
      process.stderr.write(`\r${this.#what} ${percent}%\u001B[K`)
      this.#isShown = true
    }
    await new Promise((resolve) => setImmediate(resolve))
  }

  #clear(): void {
    if (this.#isShown) process.stderr.write("\r\u001B[K")
    this.#isShown = false
  }
}
