/** Something that is done once, however often it is asked for: who asks later waits for the same end. */
export class Once {
  #state: "new" | "under way" | "over" = "new"
  #waiting: Array<() => void> = []

  get hasBegun(): boolean {
    return this.#state !== "new"
  }

  run(begin: (ended: () => void) => void, done: () => void): void {
    if (this.#state === "over") return done()
    this.#waiting.push(done)
    if (this.#state === "under way") return
    this.#state = "under way"
    begin(() => {
      this.#state = "over"
      for (const one of this.#waiting.splice(0)) one()
    })
  }
}
