/**
 * A run of the real store in a simulated world, with its trace: bursts of puts, then a kill or a power cut at some
 * instant, and the next life on what survived. The same seed gives the same run.
 */
import * as Host from "../../src/format/Host.ts"
import { DiskError } from "../../src/infra/disk/Disk.ts"
import { type DiskCall, type DiskFaults, strikeAt } from "../../src/infra/disk/DiskFaults.ts"
import type { SeededRandom } from "../../src/infra/random/SeededRandom.ts"
import { type MessageIn, MessageStore } from "../../src/infra/store/MessageStore.ts"
import { defaults, type StoreOptions } from "../../src/infra/store/StoreOptions.ts"
import { makeSimWorld } from "../../src/infra/world/SimWorld.ts"
import type { World } from "../../src/infra/world/World.ts"
import type { StoreEvent } from "./trace.ts"

const host = Host.make("10.0.0.1", 10911)
if (host instanceof Error) throw host

const options: StoreOptions = {
  ...defaults,
  checkpointIntervalMs: 40,
  commitLogSegmentBytes: 4096,
  consumeQueueSegmentBytes: 400,
  delayLevelsMs: [1000],
  index: { entries: 400, slots: 100 },
  ringBytes: 64 * 1024,
  root: "/store",
  storeHost: host,
}

const messageOf = (random: SeededRandom): MessageIn => ({
  body: Buffer.alloc(random.below(400), 0x61),
  bornHost: host,
  bornTimestamp: 1,
  flag: 0,
  preparedTransactionOffset: 0,
  properties: "",
  reconsumeTimes: 0,
  sysFlag: 0,
})

const isLogSync = ({ operation, path }: DiskCall): boolean => operation === "sync" && path.includes("/commitlog/")

/** In some lives one sync of the log fails and loses what it should have written, as Linux does. */
const failingSync = (random: SeededRandom): DiskFaults =>
  random.chance(0.4)
    ? strikeAt(isLogSync, { kind: "drop" }, { skip: 3 + random.below(9) })
    : { strike: () => undefined }

/** Runs `work`; answers whether the disk let it. An error that nobody handles is the end of the process. */
const survives = (work: () => void): boolean => {
  try {
    work()
    return true
  } catch (error) {
    if (error instanceof DiskError) return false
    throw error
  }
}

/** The trace of `lives` lives, each of which ends by a crash, and of the start of one more on a good disk. */
export const runStore = (seed: number, lives: number): Array<StoreEvent> => {
  const trace: Array<StoreEvent> = []
  const world = makeSimWorld(seed, { onTrace: (event) => void trace.push(event) })
  const random = world.sim.random.fork()
  const node = world.node("store", "10.0.0.1", { faults: failingSync(random) })
  for (let life = 0; life < lives; life++) {
    const store = new MessageStore(options, node.world)
    let isUp = false
    node.process.enter(() => {
      isUp = survives(() => open(store, node.world))
    })
    for (let puts = 8 + random.below(10); puts > 0; puts--) {
      // Some puts come together and share a sync, and the crash takes the last ones by surprise.
      node.process.after(random.below(25) * 2, () => {
        isUp &&= survives(() => {
          store.put(store.queues.get("T", random.below(3)), messageOf(random), { stored: () => {} })
        })
      })
    }
    world.sim.runUntil(() => !isUp, 30 + random.below(30))
    const power = random.chance(0.6)
    trace.push({ action: "Crash", fields: { power } })
    if (power) node.powerCut()
    else node.crash()
    node.restart({ faults: life + 1 < lives ? failingSync(random) : { strike: () => undefined } })
  }
  node.process.enter(() => open(new MessageStore(options, node.world), node.world))
  return trace
}

const open = (store: MessageStore, { disk }: World): void => {
  disk.makeDirectory(options.root)
  disk.syncDirectory("/")
  for (const _slice of store.open(0, () => {}));
}
