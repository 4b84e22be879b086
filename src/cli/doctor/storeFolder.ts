/** The folder of the store: whose it is, how much room it has, and how long the disk takes to make a write durable. */
import * as fs from "node:fs"
import * as path from "node:path"
import { nodeDisk } from "../../infra/disk/NodeDisk.ts"
import { otherKind } from "../../infra/store/StoreKind.ts"
import type { BrokerConfig } from "../../node/broker/BrokerConfig.ts"
import { mebibytes } from "./machine.ts"
import { type Verdict, ok, problem, unknown, warning } from "./Verdict.ts"

export const storeFolder = async (config: BrokerConfig): Promise<ReadonlyArray<Verdict>> => {
  const root = config.storePathRootDir
  // What does not exist yet will be made in the nearest folder that does.
  let folder = root
  while (!fs.existsSync(folder) && path.dirname(folder) !== folder) folder = path.dirname(folder)
  const writable = writableVerdict(root, folder)
  if (writable.verdict === "problem") return [writable]
  return [writable, ...(await contents(root)), room(config, folder), await speed(config, folder)]
}

const writableVerdict = (root: string, folder: string): Verdict => {
  try {
    if (!fs.statSync(folder).isDirectory())
      return problem("store", `${folder} is a file`, "Set storePathRootDir to a folder.")
    fs.accessSync(folder, fs.constants.W_OK | fs.constants.X_OK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return problem(
      "store",
      `this user may not write to ${folder} (${code})`,
      `Run as its owner, or: chown -R USER ${folder}`,
    )
  }
  return ok("store", folder === root ? root : `${root} will be made`)
}

/** What is in the folder already, and who has it open. */
const contents = async (root: string): Promise<ReadonlyArray<Verdict>> => {
  const kind = otherKind(nodeDisk, root)
  if (kind !== undefined)
    return [
      problem("store kind", `it holds ${kind}, which Gantry cannot read`, "Set storePathRootDir to another folder."),
    ]
  const apache = nodeDisk.recordLockHolder(`${root}/lock`)
  if (apache !== undefined)
    return [
      problem(
        "store lock",
        `process ${apache} has it open, as Apache RocketMQ does`,
        "Stop that broker first: two on one store destroy it.",
      ),
    ]
  const isFree = await new Promise<boolean>((resolve) =>
    nodeDisk.lock(root, (release) => {
      release?.()
      resolve(release !== undefined)
    }),
  )
  if (!isFree) return [ok("store lock", "a running broker of Gantry has it open")]
  if (!fs.existsSync(path.join(root, "abort"))) return [ok("store lock", "nobody has it open")]
  return [
    warning(
      "store lock",
      "nobody has it open, and its last broker did not stop cleanly",
      "Nothing: the next start recovers it. To look first: gantry store verify.",
    ),
  ]
}

const GiB = 1024 * 1024 * 1024
/** Kinds of file systems, by the numbers that Linux gives them, on which a promise or the speed is in danger. */
const fileSystems: ReadonlyMap<number, readonly [what: string, advice: string]> = new Map([
  [
    0x0102_1994,
    ["memory (tmpfs): messages do not survive a restart of the machine", "Set storePathRootDir to a folder on a disk."],
  ],
  [
    0x794c_7630,
    [
      "a container's own layer (overlay): messages go with the container",
      "Mount a volume and set storePathRootDir to it.",
    ],
  ],
  [
    0x6969,
    [
      "a network file system (NFS): a sync may not be durable, and locks are not seen by other machines",
      "Use a local disk.",
    ],
  ],
])

const room = (config: BrokerConfig, folder: string): Verdict => {
  try {
    return judgeRoom(config, fs.statfsSync(folder))
  } catch (error) {
    return unknown("disk room", `the system does not tell (${(error as NodeJS.ErrnoException).code})`)
  }
}

/** What the system tells of a file system: blocks of `bsize` bytes, and inodes. */
export type Room = Pick<fs.StatsFs, "bavail" | "blocks" | "bsize" | "ffree" | "files" | "type">

export const judgeRoom = (config: BrokerConfig, stats: Room): Verdict => {
  const { bavail, bsize, blocks, ffree, files, type } = stats
  const [free, total] = [bavail * bsize, blocks * bsize]
  const used = total === 0 ? 0 : Math.round(100 * (1 - free / total))
  const evidence = `${mebibytes(free)} of ${mebibytes(total)} are free (${used}% used)`
  if (files > 0 && ffree === 0)
    return problem("disk room", "the disk has no free inodes", "Delete files, or use another disk.")
  if (used >= config.diskSpaceWarningLevelRatio)
    return problem(
      "disk room",
      `${evidence}; from ${config.diskSpaceWarningLevelRatio}% on sends are refused`,
      "Make room, or set diskSpaceWarningLevelRatio.",
    )
  if (free < config.mappedFileSizeCommitLog + GiB / 4)
    return problem(
      "disk room",
      `${evidence}; one file of the log alone takes ${mebibytes(config.mappedFileSizeCommitLog)}`,
      "Make room, or set a smaller mappedFileSizeCommitLog.",
    )
  if (used >= config.diskMaxUsedSpaceRatio)
    return warning(
      "disk room",
      `${evidence}; from ${config.diskMaxUsedSpaceRatio}% on the oldest messages are deleted before their time`,
      "Make room, or set diskMaxUsedSpaceRatio or fileReservedTime.",
    )
  const kind = fileSystems.get(type)
  return kind === undefined ? ok("disk room", evidence) : warning("disk room", `${evidence}; it is ${kind[0]}`, kind[1])
}

/** Syncs tried: enough for a middle and a slow one, few enough for a slow disk. */
const syncs = 16
const slowMs = 20
const verySlowMs = 200

/** How long a write of 4 KiB takes until it is on the disk: what every send waits for by SYNC_FLUSH. */
const speed = async (config: BrokerConfig, folder: string): Promise<Verdict> => {
  const file = path.join(folder, `.gantry-doctor-${process.pid}`)
  const times: Array<number> = []
  try {
    const handle = await fs.promises.open(file, "wx")
    try {
      const block = Buffer.alloc(4096, 1)
      for (let i = 0; i < syncs; i++) {
        await handle.write(block, 0, block.length, i * block.length)
        const start = performance.now()
        await handle.datasync()
        times.push(performance.now() - start)
      }
    } finally {
      await handle.close()
      fs.rmSync(file, { force: true })
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return problem(
      "disk speed",
      `a file in ${folder} cannot be written (${code})`,
      "Make room, or run as the folder's owner.",
    )
  }
  return judgeSpeed(config, times)
}

/** `times`: how long each sync took, ms. */
export const judgeSpeed = (config: BrokerConfig, times: ReadonlyArray<number>): Verdict => {
  const sorted = times.toSorted((a, b) => a - b)
  const [middle, slowest] = [sorted[Math.floor(sorted.length / 2)]!, sorted.at(-1)!]
  const evidence = `a durable write takes ${middle.toFixed(1)} ms, the slowest of ${sorted.length} took ${slowest.toFixed(1)} ms`
  const advice =
    config.flushDiskType === "ASYNC_FLUSH"
      ? "Use a faster disk."
      : "Use a local SSD. flushDiskType=ASYNC_FLUSH does not wait for the disk, and loses the last half second at a power cut."
  if (middle > verySlowMs) return problem("disk speed", evidence, advice)
  return middle > slowMs || slowest > verySlowMs ? warning("disk speed", evidence, advice) : ok("disk speed", evidence)
}
