/** Recorded stores of Apache RocketMQ 5.5.0, mounted on a simulated disk and opened with the sizes they were made with. */
import * as Result from "effect/Result"
import * as DelayLevel from "../../../src/domain/DelayLevel.ts"
import { SimDisk } from "../../../src/infra/disk/SimDisk.ts"
import type { StoreOptions } from "../../../src/infra/store/StoreOptions.ts"
import { storeFiles, type StoreName } from "../../golden/golden.ts"
import { StoreRig } from "./StoreRig.ts"

const levels = DelayLevel.parse("1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h")
if (Result.isFailure(levels)) throw levels.failure

/** As the README of the recordings says. */
export const recordedOptions: Partial<StoreOptions> = {
  commitLogSegmentBytes: 65_536,
  consumeQueueSegmentBytes: 6000,
  delayLevelsMs: levels.success,
  index: { entries: 400, slots: 100 },
  ringBytes: 1024 * 1024,
}

/** The files of a recording on a disk of their own, all synced; the timer wheel, which the store never opens, is left out. */
export const diskOf = (name: StoreName): SimDisk => {
  const disk = new SimDisk({ later: () => {} })
  for (const [path, content] of storeFiles(name)) {
    if (/^(timer|rocksdbstore|compaction)/.test(path)) continue
    const place = `/store/${path}`
    disk.makeDirectory(place.slice(0, place.lastIndexOf("/")))
    const file = disk.open(place, "create")
    file.truncate(content.length)
    if (content.some((byte) => byte !== 0)) file.writeSync(content, 0)
    file.close()
  }
  return SimDisk.restore(disk.snapshot(), { later: () => {} })
}

export const rigOf = (name: StoreName): StoreRig =>
  new StoreRig({ disk: diskOf(name), options: recordedOptions, seed: 1 })
