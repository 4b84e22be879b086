/**
 * One server process and who watches over it: started, killed, stopped in order, and started again when it ended, as
 * an operator's service manager does. What it serves is not known here.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { Choose } from "../../../src/infra/disk/Volume.ts"
import type { SeededRandom } from "../../../src/infra/random/SeededRandom.ts"
import type { NodeOptions, SimNode, SimWorld } from "../../../src/infra/world/SimWorld.ts"
import type { World } from "../../../src/infra/world/World.ts"
import { DiskWeather } from "./DiskWeather.ts"
import type { History } from "./History.ts"

/** What a server runs: `make` starts it, `failure` ends when it must be started anew. */
export interface Program<A> {
  readonly make: (world: World) => Effect.Effect<A, Error, Scope.Scope>
  readonly failure: (served: A) => Effect.Effect<never, Error>
}

export class Server<A> {
  readonly name: string
  readonly host: string
  readonly node: SimNode
  readonly diskWeather = new DiskWeather()
  /** What `make` answered; undefined while the server is down or starting. */
  served: A | undefined
  /** True: whoever ends this server starts it again himself. */
  isHeldDown = false
  readonly #program: Program<A>
  readonly #cluster: SimWorld
  readonly #history: History
  readonly #random: SeededRandom
  #fiber: Fiber.Fiber<never, Error> | undefined
  #lives = 0
  #struckBefore = 0
  /** Lives in a row that ended before they served. */
  #failedStarts = 0

  constructor(cluster: SimWorld, history: History, name: string, host: string, program: Program<A>) {
    this.name = name
    this.host = host
    this.#cluster = cluster
    this.#history = history
    this.#random = cluster.sim.random.fork()
    this.#program = program
    this.node = cluster.node(name, host, {
      driftPpm: this.#random.between(-50, 50),
      faults: this.diskWeather,
      skewMs: Math.floor(this.#random.between(-2000, 2000)),
    })
    this.#run(this.node.world)
  }

  get isUp(): boolean {
    return this.served !== undefined && this.node.alive
  }

  /** Whether its disk failed a call since it was started. */
  get hasBeenStruck(): boolean {
    return this.diskWeather.struck > this.#struckBefore
  }

  /** How often it was started. */
  get lives(): number {
    return this.#lives
  }

  /** `kill -9`. */
  kill(): void {
    if (!this.node.alive) return
    this.#history.note(this.name, "killed")
    this.#ended(() => this.node.crash())
  }

  powerCut(choose?: Choose): void {
    if (!this.node.alive) return
    this.#history.note(this.name, "power cut")
    this.#history.powerCuts.push({ atMs: this.#history.nowMs, brokerName: this.name })
    this.#ended(() => this.node.powerCut(choose))
  }

  /** Stops it as SIGTERM does; `done` runs when the process has ended, by itself or by `kill` in between. */
  stop(done: () => void = () => {}): void {
    const fiber = this.#fiber
    const life = this.#lives
    if (fiber === undefined || !this.node.alive) return done()
    this.#history.note(this.name, "asked to stop")
    this.#stopping = done
    Effect.runForkWith(this.node.world.context)(Fiber.interrupt(fiber))
    // A service manager does not wait for ever.
    this.#cluster.sim.after(stopMsMax, () => {
      if (this.#lives === life && this.node.alive) this.kill()
    })
  }

  /** Starts it now, if it is down. */
  start(options: NodeOptions = {}): void {
    if (this.node.alive) return
    this.#run(this.node.restart(options))
  }

  #stopping: (() => void) | undefined

  #run(bare: World): void {
    const life = ++this.#lives
    this.#struckBefore = this.diskWeather.struck
    this.#history.note(this.name, `start ${life}`)
    const world = this.diskWeather.over(bare)
    const { failure, make } = this.#program
    const main = Effect.scoped(
      Effect.gen({ self: this }, function* () {
        this.served = yield* make(world)
        this.#failedStarts = 0
        this.#history.note(this.name, "serves")
        return yield* failure(this.served)
      }),
    )
    const fiber = Effect.runForkWith(world.context)(main)
    this.#fiber = fiber
    fiber.addObserver((exit) => this.#exited(life, exit))
  }

  #exited(life: number, exit: Exit.Exit<never, Error>): void {
    // A life that was cut off in the middle of its start ends when that returns.
    if (life !== this.#lives || !this.node.alive) return
    const reason = Exit.isFailure(exit) ? String(exit.cause) : "ended"
    const isStopped = this.#stopping !== undefined
    const isExplained = isStopped || this.hasBeenStruck
    this.#failedStarts = this.served === undefined ? this.#failedStarts + 1 : 0
    this.#history.note(this.name, isStopped ? "stopped" : `ended: ${reason}`)
    if (this.#failedStarts > startsMax) throw new Error(`${this.name} does not start: ${reason}`)
    if (!isExplained) this.#history.defects.push(`${this.name} ended by itself: ${reason}`)
    this.#ended(() => this.node.crash())
  }

  #ended(end: () => void): void {
    this.#history.traced?.push({ action: "BrokerCrash", fields: {}, node: this.name })
    end()
    this.served = undefined
    this.#fiber = undefined
    const stopped = this.#stopping
    this.#stopping = undefined
    stopped?.()
    if (this.isHeldDown) return
    const life = this.#lives
    this.#cluster.sim.after(this.#random.between(...restartMs), () => {
      if (this.#lives === life && !this.isHeldDown) this.start()
    })
  }
}

/** A service manager takes so long to start a process that ended. */
const restartMs = [50, 3000] as const
const stopMsMax = 20_000
/** A server that failed to start so often in a row will not start: the run is over. */
const startsMax = 20
