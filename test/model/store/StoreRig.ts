/**
 * A store on a simulated disk, through its lives: opened, written, read, cut off, killed, opened again. Virtual time
 * stands still unless a method here lets it pass, and nothing is answered meanwhile.
 *
 * Segments are tiny, so that a load of a hundred messages rolls every kind of file.
 */
import * as Context from "effect/Context"
import * as Properties from "../../../src/domain/Properties.ts"
import * as Host from "../../../src/format/Host.ts"
import { indexKeyHash } from "../../../src/format/IndexFile.ts"
import * as StoredMessage from "../../../src/format/StoredMessage.ts"
import type { Disk } from "../../../src/infra/disk/Disk.ts"
import type { DiskCall, DiskFaults } from "../../../src/infra/disk/DiskFaults.ts"
import { SimDisk } from "../../../src/infra/disk/SimDisk.ts"
import type { Choose } from "../../../src/infra/disk/Volume.ts"
import type { Network } from "../../../src/infra/network/Network.ts"
import { Sim } from "../../../src/infra/sim/Sim.ts"
import { SimProcess } from "../../../src/infra/sim/SimProcess.ts"
import {
  type Appended,
  type GetResult,
  type MessageIn,
  MessageStore,
  type PutRefusal,
  type RecordFold,
  type StoredStatus,
} from "../../../src/infra/store/MessageStore.ts"
import { defaults, type StoreOptions } from "../../../src/infra/store/StoreOptions.ts"
import type { World } from "../../../src/infra/world/World.ts"
import type { Message } from "../reference/Model.ts"

const host = Host.make("10.0.0.1", 10911)
if (host instanceof Error) throw host

/** About twenty records fill a segment of the log, eight entries one of a queue, fifteen one of the index. */
export const tiny: StoreOptions = {
  ...defaults,
  coldBlocksMax: 16,
  commitLogSegmentBytes: 4096,
  consumeQueueSegmentBytes: 160,
  delayLevelsMs: [1000, 5000],
  index: { entries: 16, slots: 8 },
  ringBytes: 16 * 1024,
  root: "/store",
  storeHost: host,
}

export interface RigOptions {
  readonly seed: number
  /** Where the life begins; an empty disk without it. */
  readonly disk?: SimDisk
  readonly options?: Partial<StoreOptions>
  readonly faults?: DiskFaults
  readonly capacityBytes?: number
  readonly onBoundary?: (n: number, call: DiskCall) => void
  /** Puts something between the store and its disk: a seeded bug. */
  readonly wrap?: (disk: Disk) => Disk
  readonly fold?: RecordFold
}

/** What became of one put. */
export interface Told {
  readonly record: Appended
  readonly status: StoredStatus
}

export const messageIn = (message: Message, bornTimestamp = 1): MessageIn => ({
  body: Buffer.from(message.body),
  bornHost: host,
  bornTimestamp,
  flag: 0,
  preparedTransactionOffset: 0,
  properties: Properties.print(
    new Map([
      ...(message.keys.length === 0 ? [] : [[Properties.PropertyName.KEYS, message.keys.join(" ")] as const]),
      ...(message.tag === undefined ? [] : [[Properties.PropertyName.TAGS, message.tag] as const]),
    ]),
  ),
  reconsumeTimes: 0,
  sysFlag: 0,
})

/** A message as it came back from the store, as the model tells it. */
export const messageOut = (stored: StoredMessage.StoredMessage): Message & { readonly queueOffset: number } => ({
  body: stored.body.toString(),
  keys: (Properties.find(stored.properties, Properties.PropertyName.KEYS) ?? "").split(" ").filter((key) => key !== ""),
  queueId: stored.queueId,
  queueOffset: stored.queueOffset,
  tag: Properties.find(stored.properties, Properties.PropertyName.TAGS),
  topic: stored.topic,
})

/** A call that never ends within this much virtual time is a defect. */
const patienceMs = 600_000

const noNetwork: Network = {
  connect: () => {
    throw new Error("a store has no business with the network")
  },
  listen: () => {
    throw new Error("a store has no business with the network")
  },
}

export class StoreRig {
  readonly sim: Sim
  readonly options: StoreOptions
  readonly #rig: RigOptions
  disk: SimDisk
  process: SimProcess
  world: World
  store: MessageStore
  /** Warnings and errors that the store told of, in all lives. */
  readonly lines: Array<string> = []
  /** Puts that were answered in this life, in the order of the answers. */
  told: Array<Told> = []
  /** Puts that were taken in this life. */
  #taken = 0
  #lives = 0

  constructor(rig: RigOptions) {
    this.#rig = rig
    this.options = { ...tiny, ...rig.options }
    this.sim = new Sim(rig.seed)
    const empty = rig.disk ?? new SimDisk({ later: () => {} })
    const life = this.#begin(empty, rig.faults, rig.onBoundary)
    this.disk = life.disk
    this.process = life.process
    this.world = life.world
    this.store = life.store
  }

  #begin(
    mount: SimDisk,
    faults: DiskFaults | undefined,
    onBoundary: RigOptions["onBoundary"],
  ): { disk: SimDisk; process: SimProcess; world: World; store: MessageStore } {
    const process = new SimProcess(this.sim, `life ${++this.#lives}`)
    const latency = process.random.fork()
    const disk = mount.remount({
      capacityBytes: this.#rig.capacityBytes,
      faults,
      later: (call, run) =>
        void process.after(call.operation === "sync" ? latency.between(0.05, 2) : latency.between(0.01, 0.2), run),
      onBoundary,
    })
    const line = (message: string): void => void this.lines.push(message)
    const world: World = {
      clock: process.clock,
      context: Context.empty(),
      disk: this.#rig.wrap?.(disk) ?? disk,
      log: { debug: () => {}, error: line, info: () => {}, warn: line },
      network: noNetwork,
      random: process.random.fork(),
      trace: undefined,
    }
    const store = new MessageStore(this.options, world, this.#rig.fold)
    return { disk, process, store, world }
  }

  /** Opens the store, with no snapshot behind the log: throws what `MessageStore.open` throws. */
  open(foldFrom = Number.MAX_SAFE_INTEGER): this {
    if (!this.disk.exists(this.options.root)) {
      this.world.disk.makeDirectory(this.options.root)
      this.world.disk.syncDirectory("/")
    }
    for (const _ of this.store.open(foldFrom, () => {})) continue
    return this
  }

  put(message: Message): Appended | PutRefusal {
    return this.putRaw(message.topic, message.queueId, messageIn(message, this.world.clock.nowMs()))
  }

  putRaw(topic: string, queueId: number, message: MessageIn, isSystem = false): Appended | PutRefusal {
    const queue = this.store.queues.get(topic, queueId)
    const waiter = { stored: (status: StoredStatus, record: Appended) => void this.told.push({ record, status }) }
    const record = this.store.put(queue, message, waiter, isSystem)
    if (typeof record !== "string") this.#taken++
    return record
  }

  /** Lets virtual time pass until `done`; throws when it never comes. */
  until(done: () => boolean): void {
    if (!this.sim.runUntil(done, patienceMs)) throw new Error("the store never answered")
  }

  /** Lets every put be answered. */
  settle(): void {
    this.until(() => this.store.log.failed !== undefined || this.#isQuiet())
  }

  /** All puts of this life are answered and readable: one that was told that it is late comes in time. */
  #isQuiet(): boolean {
    const last = this.told.at(-1)?.record.commitLogOffset ?? -1
    return this.told.length === this.#taken && last < this.store.log.readableOffset
  }

  /** Takes `count` steps of the simulation, if there are so many. */
  steps(count: number): void {
    for (let i = 0; i < count; i++) this.sim.step()
  }

  get(topic: string, queueId: number, queueOffset: number, countMax = 32, matches?: (tagsCode: number) => boolean) {
    const queue = this.store.queues.get(topic, queueId)
    let answer:
      | { result: GetResult; messages: ReadonlyArray<Message & { queueOffset: number }>; sound: boolean }
      | undefined
    let failed: unknown
    this.store.get({ countMax, matches, queue, queueOffset }, (error, result) => {
      if (result === undefined) {
        failed = error
        return
      }
      const bytes = Buffer.alloc(result.sizeBytes)
      const sound = result.copyTo(bytes, 0)
      answer = { messages: sound ? StoredMessage.decodeAll(bytes).messages.map(messageOut) : [], result, sound }
    })
    this.until(() => answer !== undefined || failed !== undefined)
    if (answer === undefined) throw failed
    return answer
  }

  /** All readable messages of a queue, read as a consumer does, from its oldest on. */
  readAll(topic: string, queueId: number): ReadonlyArray<Message & { queueOffset: number }> {
    const all: Array<Message & { queueOffset: number }> = []
    let next = this.get(topic, queueId, -1).result.minOffset
    for (;;) {
      const { messages, result, sound } = this.get(topic, queueId, next)
      if (!sound) throw new Error(`queue ${topic}-${queueId} has a rotten message at or after ${next}`)
      if (result.status !== "FOUND") return all
      all.push(...messages)
      next = result.nextBeginOffset
    }
  }

  /** The message at a log offset, as a query by id sees it. */
  lookAt(commitLogOffset: number): StoredMessage.StoredMessage | undefined {
    let found: { message: StoredMessage.StoredMessage | undefined } | undefined
    this.store.lookAt(commitLogOffset, (message) => (found = { message }))
    this.until(() => found !== undefined)
    return found?.message
  }

  /** The messages that carry a key, by the index, in the order of the log. */
  find(topic: string, key: string): ReadonlyArray<Message & { queueOffset: number }> {
    const offsets = this.store.index.find(indexKeyHash(`${topic}#${key}`), 1000, 0, Number.MAX_SAFE_INTEGER)
    return [...offsets]
      .toSorted((a, b) => a - b)
      .map((offset) => this.lookAt(offset))
      .filter((message) => message !== undefined)
      .map(messageOut)
      .filter((message) => message.topic === topic && message.keys.includes(key))
  }

  /** Writes queues, index, mark and checkpoint. */
  checkpoint(): void {
    let ended: { error: unknown } | undefined
    this.store.checkpoint((error) => (ended = { error }))
    this.until(() => ended !== undefined)
    if (ended?.error !== undefined) throw ended.error
  }

  close(): void {
    let closed = false
    this.store.close(() => (closed = true))
    this.until(() => closed)
  }

  /** The power is cut: of what was not synced there survives what `choose` says. The store must be opened again. */
  powerCut(choose: Choose, next: { faults?: DiskFaults; onBoundary?: RigOptions["onBoundary"] } = {}): void {
    this.process.kill()
    this.#live(this.disk.powerCut(choose), next)
  }

  /** The process is killed, the machine stays. */
  kill(choose: Choose, next: { faults?: DiskFaults; onBoundary?: RigOptions["onBoundary"] } = {}): void {
    this.process.kill()
    this.#live(this.disk.processKill(choose), next)
  }

  /** The next life after a clean close. */
  restart(next: { faults?: DiskFaults; onBoundary?: RigOptions["onBoundary"] } = {}): void {
    this.process.kill()
    this.#live(this.disk, next)
  }

  #live(disk: SimDisk, next: { faults?: DiskFaults; onBoundary?: RigOptions["onBoundary"] }): void {
    Object.assign(this, this.#begin(disk, next.faults, next.onBoundary))
    this.told = []
    this.#taken = 0
  }

  /** Removes a folder and all that is in it, as an operator does while the broker is down. */
  removeFolder(path: string): void {
    for (const name of this.disk.list(path)) {
      const below = `${path}/${name}`
      if (isFolder(this.disk, below)) this.removeFolder(below)
      else this.disk.remove(below)
    }
    this.disk.remove(path)
  }
}

const isFolder = (disk: Disk, path: string): boolean => {
  try {
    disk.open(path, "read").close()
    return false
  } catch {
    return true
  }
}
