/** Kinds of stores of Apache RocketMQ that are not the default one, by what lies in their folder. */
import type { Disk } from "../disk/Disk.ts"
import { StoreError } from "./StoreError.ts"

const kinds: ReadonlyArray<readonly [path: string, kind: string]> = [
  ["config/rdb", "a RocksDB configuration (storeType=defaultRocksDB)"],
  ["config/topics/CURRENT", "a RocksDB configuration (storeType=defaultRocksDB)"],
  ["consumequeue/CURRENT", "RocksDB consume queues (storeType=defaultRocksDB)"],
  ["dledger", "a DLedger log (enableDLegerCommitLog=true)"],
]

/** What the store is, when it is of another kind than this one writes. */
export const otherKind = (disk: Disk, root: string): string | undefined =>
  kinds.find(([path]) => disk.exists(`${root}/${path}`))?.[1]

/** Throws the sentence for a store that is of another kind. */
export const refuseOtherKinds = (disk: Disk, root: string): void => {
  const kind = otherKind(disk, root)
  if (kind !== undefined)
    throw new StoreError(
      "OtherKind",
      `The store ${root} holds ${kind}, which this broker cannot read. Point storePathRootDir to a store of the default kind, or to an empty folder.`,
    )
}
