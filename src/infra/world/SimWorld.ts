/**
 * A whole cluster in one process: nodes with their own clocks, disks and addresses on one simulated network, under
 * one seed. The same seed and the same test give the same trace (`sim.traceHash()`).
 *
 *   const world = makeSimWorld(seed)
 *   const node = world.node("broker-a", "10.0.0.1")
 *   startBroker(node.world)                        // the code cannot tell that the world is simulated
 *   world.sim.runUntil(() => answered, 60_000)     // virtual milliseconds
 *   node.crash()                                   // the process is gone, its page cache is not
 *   startBroker(node.restart())
 *
 * After a crash nothing of the node runs again, finalizers included; fibers that its code started are simply never
 * resumed, so that nothing needs to interrupt them.
 */
import type { SimClockOptions } from "../clock/SimClock.ts"
import type { DiskCall, DiskFaults } from "../disk/DiskFaults.ts"
import { SimDisk, type SimDiskOptions } from "../disk/SimDisk.ts"
import { keepSome } from "../disk/survival.ts"
import type { Choose } from "../disk/Volume.ts"
import { SimNetwork } from "../network/SimNetwork.ts"
import type { Weather } from "../network/Weather.ts"
import type { SeededRandom } from "../random/SeededRandom.ts"
import { Sim, type SimOptions } from "../sim/Sim.ts"
import { SimProcess } from "../sim/SimProcess.ts"
import type { Log, LogLevel } from "../telemetry/Log.ts"
import type { TraceEvent } from "../telemetry/Trace.ts"
import type { World } from "./World.ts"

export interface SimWorldOptions extends SimOptions {
  readonly weather?: Weather
  /** Told of the trace events of all nodes; none are made without it. */
  readonly onTrace?: (event: TraceEvent) => void
  /** Told of each log line of all nodes. */
  readonly onLog?: (line: LogLine) => void
}

export interface LogLine {
  readonly node: string
  readonly atMs: number
  readonly level: LogLevel
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** What a node is born with, or gets with a restart. */
export interface NodeOptions extends SimClockOptions {
  readonly faults?: DiskFaults
  readonly capacityBytes?: number
  /** See SimDiskOptions: where a test crashes the node at its n-th disk boundary. */
  readonly onBoundary?: (n: number, call: DiskCall) => void
}

export const makeSimWorld = (seed: number, options: SimWorldOptions = {}): SimWorld => new SimWorld(seed, options)

export class SimWorld {
  readonly sim: Sim
  readonly network: SimNetwork
  readonly #options: SimWorldOptions
  readonly #nodes = new Map<string, SimNode>()

  constructor(seed: number, options: SimWorldOptions) {
    const sim = new Sim(seed, options)
    this.sim = sim
    this.#options = options
    this.network = new SimNetwork({
      later: (delayMs, run) => sim.after(delayMs, run),
      nowMs: () => sim.nowMs,
      random: sim.random.fork(),
      record: (what, value, bytes) => sim.record(what, value, bytes),
      ...(options.weather === undefined ? {} : { weather: options.weather }),
    })
  }

  /** Makes a node and starts it. `name` stands in traces and logs; `host` is its address on the network. */
  node(name: string, host: string, options: NodeOptions = {}): SimNode {
    if (this.#nodes.has(name)) throw new Error(`node ${name} exists already`)
    const node = new SimNode(this, this.#options, name, host, options)
    this.#nodes.set(name, node)
    return node
  }

  get nodes(): ReadonlyArray<SimNode> {
    return [...this.#nodes.values()]
  }
}

/**
 * One node through its lives. A crash from within the node's own call (from `onBoundary`) lets that call throw
 * `Crashed`, which ends at the process's door; only a call that the test itself made into the node throws it there.
 */
export class SimNode {
  readonly name: string
  readonly host: string
  readonly #cluster: SimWorld
  readonly #worldOptions: SimWorldOptions
  #options: NodeOptions
  #life: Life

  constructor(cluster: SimWorld, worldOptions: SimWorldOptions, name: string, host: string, options: NodeOptions) {
    this.name = name
    this.host = host
    this.#cluster = cluster
    this.#worldOptions = worldOptions
    this.#options = options
    this.#life = this.#begin((diskOptions) => new SimDisk(diskOptions))
  }

  /** The world as the node's code sees it; another one after each restart. */
  get world(): World {
    return this.#life.world
  }

  get disk(): SimDisk {
    return this.#life.disk
  }

  get process(): SimProcess {
    return this.#life.process
  }

  get alive(): boolean {
    return this.#life.process.alive
  }

  /** Kills the process, as `kill -9` does: its connections end, its locks are free, its page cache stays. */
  crash(): void {
    this.#end("killed", (disk, diskOptions, random) => disk.processKill(keepSome(random), diskOptions))
  }

  /** Cuts the power: peers are not told, and of what was not synced there survives what `choose` says. */
  powerCut(choose?: Choose): void {
    this.#end("silent", (disk, diskOptions, random) => disk.powerCut(choose ?? keepSome(random), diskOptions))
  }

  /**
   * Starts the node's next life on what survived; the caller starts its code. Clock, faults and capacity stay as they
   * were unless `options` say otherwise; the boundary hook, which mostly ended the last life, does not stay.
   */
  restart(options: NodeOptions = {}): World {
    if (this.alive) throw new Error(`${this.name} is still running`)
    const { onBoundary: _ended, ...kept } = this.#options
    this.#options = { ...kept, skewMs: this.#life.process.clock.skewMs, ...options }
    const { disk } = this.#life
    this.#life = this.#begin((diskOptions) => disk.remount(diskOptions))
    return this.world
  }

  /** Stops the process for a while, as a debugger or a busy host does; time and peers go on. */
  pause(): void {
    this.#life.process.pause()
  }

  resume(): void {
    this.#life.process.resume()
  }

  #begin(mount: (options: SimDiskOptions) => SimDisk): Life {
    const { sim, network } = this.#cluster
    const process = new SimProcess(sim, this.name, this.#options)
    const diskRandom = process.random.fork()
    const disk = mount({
      capacityBytes: this.#options.capacityBytes,
      faults: this.#options.faults,
      later: (call, run) => void process.after(diskLatencyMs(call, diskRandom), run),
      onBoundary: this.#options.onBoundary,
      record: (what, value, bytes) => sim.record(`${this.name} ${what}`, value, bytes),
    })
    const world: World = {
      clock: process.clock,
      context: process.context,
      disk,
      log: this.#log(process),
      network: network.host(this.host, (run) => process.enter(run)),
      random: process.random.fork(),
      trace: this.#trace(process),
    }
    return { disk, process, world }
  }

  #end(
    how: "killed" | "silent",
    survive: (disk: SimDisk, options: SimDiskOptions, random: SeededRandom) => SimDisk,
  ): void {
    if (!this.alive) return
    const { disk, process, world } = this.#life
    process.kill()
    this.#cluster.network.sever(this.host, how)
    this.#cluster.sim.record(`${this.name} ${how}`)
    // What survived waits for the next life; nobody can use it before, so that its options do not matter.
    const survived = survive(disk, { later: () => {} }, process.random)
    this.#life = { disk: survived, process, world }
  }

  #log(process: SimProcess): Log {
    const { onLog } = this.#worldOptions
    const at =
      (level: LogLevel): Log["info"] =>
      (message, fields = {}) => {
        if (process.alive) onLog?.({ atMs: process.clock.nowMs(), fields, level, message, node: this.name })
      }
    return { debug: at("debug"), error: at("error"), info: at("info"), warn: at("warn") }
  }

  #trace(process: SimProcess): World["trace"] {
    const { onTrace } = this.#worldOptions
    if (onTrace === undefined) return undefined
    return (action, fields) => {
      if (process.alive) onTrace({ action, atMs: process.clock.nowMs(), fields, node: this.name })
    }
  }
}

interface Life {
  readonly disk: SimDisk
  readonly process: SimProcess
  readonly world: World
}

/** A solid-state disk with an occasional stall: a sync takes 0.05 to 2 ms, one in a hundred up to 50 ms. */
const diskLatencyMs = (call: DiskCall, random: SeededRandom): number => {
  const transferMs = call.sizeBytes / 500_000
  if (call.operation !== "sync") return random.between(0.01, 0.2) + transferMs
  return random.chance(0.01) ? random.between(5, 50) : random.between(0.05, 2)
}
