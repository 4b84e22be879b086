/**
 * The machines of a simulated cluster. Each has an address, a disk, clocks and a process of its own; what befalls it is
 * decided here and nowhere else. Everything that waits, waits in virtual time.
 *
 * A crash ends what runs on the machine without a word: a promise that its code was to settle stays pending for ever.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { Gantry } from "../client/Gantry.ts"
import type { GantryOptions } from "../client/Options.ts"
import { keepAll, keepNone } from "../infra/disk/survival.ts"
import type { Choose } from "../infra/disk/Volume.ts"
import { makeFixedEnvironment } from "../infra/environment/Environment.ts"
import type { SimNode } from "../infra/world/SimWorld.ts"
import type { World } from "../infra/world/World.ts"

/**
 * What a power cut leaves of bytes that were written and not synced: nothing, all, or what the seed draws, torn writes
 * among it. What was synced stays in any case.
 */
export type Survival = "synced" | "all" | "drawn"

const survivals: Readonly<Record<Survival, Choose | undefined>> = { all: keepAll, drawn: undefined, synced: keepNone }

export class Machine {
  readonly name: string
  /** Its address on the simulated network. */
  readonly host: string
  protected readonly node: SimNode

  constructor(node: SimNode) {
    this.node = node
    this.name = node.name
    this.host = node.host
  }

  /** Whether a process runs on it. */
  get isAlive(): boolean {
    return this.node.alive
  }

  /** Kills the process, as `kill -9` does: peers see connections end, and the disk keeps all that was written. */
  crash(): void {
    this.node.crash()
  }

  /** Cuts the power: peers are told nothing, and unsynced bytes fare as `keep` says; default "drawn". */
  powerCut(keep: Survival = "drawn"): void {
    this.node.powerCut(survivals[keep])
  }

  /** Stops the process for a while, as a debugger or a long collection of garbage does; time goes on around it. */
  pause(): void {
    this.node.pause()
  }

  resume(): void {
    this.node.resume()
  }

  /** Moves its wall clock, back if negative; timers do not notice. */
  jumpClock(byMs: number): void {
    this.node.process.clock.jump(byMs)
  }
}

/** Where an application lives. */
export class ClientMachine extends Machine {
  readonly #namesrvAddr: string
  readonly #watch: (world: World) => World
  readonly #clients: Array<Gantry> = []
  #made = 0

  constructor(node: SimNode, namesrvAddr: string, watch: (world: World) => World) {
    super(node)
    this.#namesrvAddr = namesrvAddr
    this.#watch = watch
  }

  /** Makes an SDK object that lives on this machine; several know nothing of each other. */
  client(options: Omit<GantryOptions, "world" | "environment" | "namesrvAddr"> = {}): Gantry {
    if (!this.isAlive) throw new Error(`${this.name} is down: restart() it first`)
    const world = this.#watch(this.node.world)
    const client = new Gantry({
      clientIP: this.host,
      instanceName: `${this.name}-${++this.#made}`,
      log: world.log,
      ...options,
      environment: makeFixedEnvironment({ localAddress: this.host, soon: world.clock.soon }),
      namesrvAddr: this.#namesrvAddr,
      world,
    })
    this.#clients.push(client)
    return client
  }

  /** Starts the machine again, with nothing running on it. */
  restart(): void {
    this.#clients.length = 0
    this.node.restart()
  }

  /** Closes what was made here and still lives. */
  async close(): Promise<void> {
    if (this.isAlive) await Promise.all(this.#clients.splice(0).map((client) => client.close()))
  }
}

/** What a server machine runs: ends with a failure when it must be started anew, else with its scope. */
export interface Program {
  /** Starts the server in the scope, calls `serves` when it is ready, and waits. */
  readonly run: (world: World, serves: () => void) => Effect.Effect<never, Error, Scope.Scope>
}

/** Where a broker or a name server lives. */
export class ServerMachine extends Machine {
  readonly #program: Program
  #fiber: Fiber.Fiber<never, Error> | undefined

  constructor(node: SimNode, program: Program) {
    super(node)
    this.#program = program
  }

  /** Starts it on what its disk holds; answers when it serves, and rejects when it does not start. */
  async restart(): Promise<void> {
    if (this.node.alive) throw new Error(`${this.name} is still running: crash(), powerCut() or stop() it first`)
    this.node.restart()
    await this.start()
  }

  /** Starts it on a machine on which nothing runs yet. */
  start(): Promise<void> {
    const { world } = this.node
    return new Promise((resolve, reject) => {
      const fiber = Effect.runForkWith(world.context)(Effect.scoped(this.#program.run(world, resolve)))
      this.#fiber = fiber
      fiber.addObserver((exit) => {
        if (this.#fiber !== fiber) return
        // A server that gave up, its store having failed, ends its process. After `resolve` the rejection goes nowhere.
        if (Exit.isFailure(exit)) reject(Cause.squash(exit.cause))
        this.node.crash()
      })
    })
  }

  /** Stops it in order, as SIGTERM does; answers when the process has ended. */
  stop(): Promise<void> {
    const fiber = this.#fiber
    if (fiber === undefined || !this.node.alive) return Promise.resolve()
    return new Promise((resolve) => {
      fiber.addObserver(() => resolve())
      Effect.runForkWith(this.node.world.context)(Fiber.interrupt(fiber))
    })
  }
}
