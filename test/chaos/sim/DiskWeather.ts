/** How one server's disk behaves, as faults set it while the run goes on: slow syncs, failing calls. */
import type { Disk, DiskFile, OpenMode } from "../../../src/infra/disk/Disk.ts"
import type { DiskCall, DiskFault, DiskFaults } from "../../../src/infra/disk/DiskFaults.ts"
import type { World } from "../../../src/infra/world/World.ts"

export class DiskWeather implements DiskFaults {
  /** Each sync waits so long before it begins, ms; 0: not at all. */
  syncDelayMs = 0
  faults: DiskFaults | undefined
  /** How full the disk says it is; undefined: as full as it is. */
  usedPercent: number | undefined
  /** Faults that struck so far: what a server complains of after one is explained by it. */
  struck = 0

  readonly strike = (call: DiskCall): DiskFault | undefined => {
    const fault = this.faults?.strike(call)
    if (fault !== undefined) this.struck++
    return fault
  }

  clear(): void {
    this.syncDelayMs = 0
    this.faults = undefined
    this.usedPercent = undefined
  }

  /** The world with this weather over its disk. */
  over(world: World): World {
    return { ...world, disk: this.#slow(world) }
  }

  #slow({ clock, disk }: World): Disk {
    const slowFile = (file: DiskFile): DiskFile => ({
      close: () => file.close(),
      path: file.path,
      read: (target, position, done) => file.read(target, position, done),
      readSync: (target, position) => file.readSync(target, position),
      sizeBytes: () => file.sizeBytes(),
      sync: (done) => {
        if (this.syncDelayMs === 0) file.sync(done)
        else clock.after(this.syncDelayMs, () => file.sync(done))
      },
      syncSync: () => file.syncSync(),
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      write: (source, position, done) => file.write(source, position, done),
      writeSync: (source, position) => file.writeSync(source, position),
    })
    return {
      ...disk,
      open: (path: string, mode: OpenMode) => slowFile(disk.open(path, mode)),
      usage: (path: string) =>
        this.usedPercent === undefined ? disk.usage(path) : { freeBytes: 100 - this.usedPercent, totalBytes: 100 },
    }
  }
}
