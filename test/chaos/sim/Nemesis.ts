/** Strikes the cluster again and again with the faults that a run may meet, and makes everything good at the end. */
import type { SeededRandom } from "../../../src/infra/random/SeededRandom.ts"
import type { Cluster } from "./Cluster.ts"
import type { Fault } from "./faults/Fault.ts"

export class Nemesis {
  readonly #cluster: Cluster
  readonly #faults: ReadonlyArray<Fault>
  readonly #random: SeededRandom
  readonly #ends = new Set<() => void>()
  #isOver = false

  constructor(cluster: Cluster, faults: ReadonlyArray<Fault>) {
    this.#cluster = cluster
    this.#faults = faults.filter(({ name }) => cluster.settings.faults.includes(name))
    this.#random = cluster.world.sim.random.fork()
    if (this.#faults.length > 0) this.#later()
  }

  /** Ends every fault that still lasts. */
  heal(): void {
    this.#isOver = true
    for (const end of this.#ends) end()
    this.#cluster.history.note("nemesis", "everything is healed")
  }

  #later(): void {
    const pauseMs = this.#random.between(0, 2 * this.#cluster.settings.faultEveryMs)
    this.#cluster.world.sim.after(pauseMs, () => {
      if (this.#isOver) return
      this.#strike()
      this.#later()
    })
  }

  #strike(): void {
    const { history, world } = this.#cluster
    const fault = this.#faults[this.#random.below(this.#faults.length)]!
    const struck = fault.strike(this.#cluster, this.#random)
    if (struck === undefined) return
    history.strikes.push({ atMs: history.nowMs, fault: fault.name, what: struck.what })
    history.note("nemesis", `${fault.name}: ${struck.what}`)
    const end = (): void => {
      if (!this.#ends.delete(end)) return
      struck.end()
      history.note("nemesis", `${fault.name} is over: ${struck.what}`)
    }
    this.#ends.add(end)
    world.sim.after(struck.forMs, end)
  }
}
