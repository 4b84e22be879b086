/**
 * Seeded bugs: what a store would do if one of its rules were broken. A campaign that does not find each of them is not
 * trusted. None of them is in the product: they stand between the store and its disk, or replace one method while the
 * campaign runs.
 */
import type { Disk, DiskFile } from "../../../src/infra/disk/Disk.ts"
import { ConsumeQueue } from "../../../src/infra/store/ConsumeQueue.ts"
import { IndexFile } from "../../../src/infra/store/IndexFile.ts"
import { campaign, type CampaignOptions, type Report } from "../storeCrash.ts"
import { StateFiles } from "../../../src/infra/store/StateFiles.ts"

export interface Bug {
  readonly name: string
  /** A script that shows it soon. */
  readonly seed: number
  /** Where to look, for a bug that shows in few places. */
  readonly options?: CampaignOptions
  /** Puts something between the store and its disk. */
  readonly wrap?: (disk: Disk) => Disk
  /** Breaks a method; the answer mends it. */
  readonly patch?: () => () => void
}

/** A disk whose files of some folder behave otherwise. */
const files =
  (matches: (path: string) => boolean, change: (file: DiskFile) => Partial<DiskFile>) =>
  (disk: Disk): Disk => ({
    ...disk,
    open: (path, mode) => {
      const file = disk.open(path, mode)
      if (!matches(path)) return file
      return { ...delegate(file), ...change(file) }
    },
  })

const delegate = (file: DiskFile): DiskFile => ({
  close: () => file.close(),
  path: file.path,
  read: (target, position, done) => file.read(target, position, done),
  readSync: (target, position) => file.readSync(target, position),
  sizeBytes: () => file.sizeBytes(),
  sync: (done) => file.sync(done),
  syncSync: () => file.syncSync(),
  truncate: (sizeBytes) => file.truncate(sizeBytes),
  write: (source, position, done) => file.write(source, position, done),
  writeSync: (source, position) => file.writeSync(source, position),
})

/** Answers a sync without making it, as late as a short read takes. */
const unsynced = (file: DiskFile): Partial<DiskFile> => ({
  sync: (done) => file.read(Buffer.alloc(1), 0, () => done(undefined)),
  syncSync: () => {},
})

const inLog = (path: string): boolean => path.includes("/commitlog/")
const inQueues = (path: string): boolean => path.includes("/consumequeue/")
const inIndex = (path: string): boolean => path.includes("/index/")

const replaced = <K extends string>(
  owner: Record<K, (...args: never) => unknown>,
  name: K,
  by: (original: (...args: never) => unknown) => (...args: never) => unknown,
): (() => void) => {
  const original = owner[name]
  owner[name] = by(original)
  return () => {
    owner[name] = original
  }
}

const withoutNames =
  (matches: (path: string) => boolean) =>
  (disk: Disk): Disk => ({ ...disk, syncDirectory: (path) => (matches(path) ? undefined : disk.syncDirectory(path)) })

/** Runs the campaign with a bug in place until it finds something, or has checked `statesMax` states. */
export const hunt = ({ options, patch, seed, wrap }: Bug, statesMax = 2000): Report => {
  const mend = patch?.()
  try {
    return campaign({
      every: 3,
      isFirstEnough: true,
      nestedEvery: 40,
      seed,
      statesMax,
      ...options,
      ...(wrap === undefined ? {} : { rig: { wrap } }),
    })
  } finally {
    mend?.()
  }
}

export const bugs: ReadonlyArray<Bug> = [
  {
    name: "a put is answered before its sync",
    seed: 1,
    wrap: files(inLog, (file) => ({ sync: unsynced(file).sync! })),
  },
  {
    name: "the tail behind the cut is not buried",
    seed: 2,
    wrap: files(inLog, (file) => ({
      truncate: (sizeBytes) => (sizeBytes < file.sizeBytes() ? undefined : file.truncate(sizeBytes)),
    })),
  },
  {
    name: "queue entries above the mark are trusted",
    seed: 4,
    patch: () => replaced(ConsumeQueue.prototype as never, "rewind", () => () => undefined),
  },
  { name: "the mark is moved before the queues are synced", seed: 2, wrap: files(inQueues, unsynced) },
  {
    name: "a segment is used before its name is durable",
    seed: 1,
    wrap: withoutNames((path) => path.endsWith("/commitlog")),
  },
  {
    name: "names of queue files are never synced",
    seed: 4,
    wrap: withoutNames((path) => /\/consumequeue\/.*\/\d+$/.test(path)),
  },
  {
    name: "an index header counts entries that are not synced",
    seed: 8,
    // It shows in what a power cut leaves of both before the sync of the header.
    options: {
      cutsAt: ({ operation, path }) => operation === "sync" && path.includes("/index/"),
      every: 1,
      nestedEvery: Number.MAX_SAFE_INTEGER,
      randomSurvivors: 6,
      statesMax: 10_000,
    },
    // The entries are written and synced first: without that sync the header's own covers both, or a part of both.
    wrap: files(inIndex, (file) => {
      let isEntries = false
      return {
        sync: (done) => (isEntries ? unsynced(file).sync!(done) : file.sync(done)),
        write: (source, position, done) => {
          isEntries = position >= 40 + 128 * 4
          file.write(source, position, done)
        },
      }
    }),
  },
  {
    name: "the entries of the newest record are taken for whole",
    seed: 1,
    patch: () => replaced(IndexFile.prototype as never, "dropFrom", () => () => false),
  },
  {
    name: "a crash is taken for a clean close",
    seed: 1,
    patch: () => {
      const original = Object.getOwnPropertyDescriptor(StateFiles.prototype, "isAborted")!
      Object.defineProperty(StateFiles.prototype, "isAborted", { configurable: true, get: () => false })
      return () => Object.defineProperty(StateFiles.prototype, "isAborted", original)
    },
  },
  {
    name: "the mark claims what is only written",
    seed: 1,
    patch: () =>
      replaced(
        StateFiles.prototype as never,
        "writeMark",
        (original) =>
          function (this: StateFiles, mark: { syncedOffset: number }, ...rest: ReadonlyArray<unknown>) {
            return (original as (...all: ReadonlyArray<unknown>) => unknown).call(
              this,
              { ...mark, syncedOffset: mark.syncedOffset + 200 },
              ...rest,
            )
          } as never,
      ),
  },
]
