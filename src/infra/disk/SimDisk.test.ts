import { SimProcess } from "../sim/SimProcess.ts"
import { Sim } from "../sim/Sim.ts"
import { suite } from "./Disk.contract.ts"
import { makeMemoryDisk } from "./MemoryDisk.ts"
import { SimDisk } from "./SimDisk.ts"

const stepped =
  (sim: Sim) =>
  async (done: () => boolean): Promise<void> => {
    if (!sim.runUntil(done, 60_000)) throw new Error("the disk never answered")
  }

for (const seed of [1, 2, 3]) {
  suite(`SimDisk, seed ${seed}`, async () => {
    const sim = new Sim(seed)
    const disk = new SimDisk({ later: (_call, run) => void sim.after(sim.random.between(0, 5), run) })
    disk.makeDirectory("/data")
    return { close: () => {}, disk, root: "/data", wait: stepped(sim) }
  })
}

suite("MemoryDisk", async () => {
  const sim = new Sim(1)
  const disk = makeMemoryDisk(new SimProcess(sim, "one").clock)
  disk.makeDirectory("data")
  return { close: () => {}, disk, root: "data", wait: stepped(sim) }
})
