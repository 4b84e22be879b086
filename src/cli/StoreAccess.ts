/**
 * A store folder as `gantry store` enters it: a store of the default kind, closed, and ours alone until the end. What
 * stands in the way is said with the exit code of misuse: 1 is for problems that were found in a store.
 */
import * as path from "node:path"
import * as DelayLevel from "../domain/DelayLevel.ts"
import * as Result from "effect/Result"
import { nodeDisk } from "../infra/disk/NodeDisk.ts"
import { nowhere } from "../format/Host.ts"
import * as IndexFormat from "../format/IndexFile.ts"
import { otherKind } from "../infra/store/StoreKind.ts"
import * as StoreOptions from "../infra/store/StoreOptions.ts"
import { StoreView } from "../infra/store/tools/StoreView.ts"
import { defaults, type BrokerConfig } from "../node/broker/BrokerConfig.ts"
import { rules } from "./brokerSettings.ts"
import type { Call } from "./Call.ts"
import { CliFault, usageExitCode } from "./CliFault.ts"
import { entriesOf } from "./server.ts"
import { read } from "./settings.ts"

/** The broker's settings that the files alone do not tell. */
type Sizes = Pick<
  BrokerConfig,
  "mappedFileSizeCommitLog" | "mappedFileSizeConsumeQueue" | "maxHashSlotNum" | "maxIndexNum" | "messageDelayLevel"
>

export interface StoreAccess {
  readonly view: StoreView
  /** What a repair opens the store with. */
  readonly options: StoreOptions.StoreOptions
  readonly release: () => void
}

const misuse = (sentence: string): CliFault => new CliFault(sentence, usageExitCode)

/** Takes the store's lock. `usesIndex`: the index is going to be read too. Throws `CliFault`, and `StoreError` or `DiskError` by what lies in the folder. */
export const enter = async (call: Call, folder: string, usesIndex: boolean): Promise<StoreAccess> => {
  const { given, settings } = settingsOf(call)
  const root = path.resolve(folder)
  if (!nodeDisk.exists(root)) throw misuse(`There is no folder ${root}.`)
  const kind = otherKind(nodeDisk, root)
  if (kind !== undefined)
    throw misuse(`${root} holds ${kind}. gantry store knows RocketMQ's default kind of store only.`)
  const release = await lock(root)
  try {
    const view = new StoreView(nodeDisk, root, {
      commitLogSegmentBytes: given.has("mappedFileSizeCommitLog") ? settings.mappedFileSizeCommitLog : undefined,
      index: { entries: settings.maxIndexNum, slots: settings.maxHashSlotNum },
    })
    if (!view.isStore) throw misuse(notAStore(root))
    refuseOtherSegmentSize(view)
    if (usesIndex) refuseOtherIndexSize(view)
    return { options: optionsOf(view, settings), release, view }
  } catch (error) {
    release()
    throw error
  }
}

const settingsOf = (call: Call): { readonly given: ReadonlySet<string>; readonly settings: Sizes } => {
  const known: Sizes = {
    mappedFileSizeCommitLog: defaults.mappedFileSizeCommitLog,
    mappedFileSizeConsumeQueue: defaults.mappedFileSizeConsumeQueue,
    maxHashSlotNum: defaults.maxHashSlotNum,
    maxIndexNum: defaults.maxIndexNum,
    messageDelayLevel: defaults.messageDelayLevel,
  }
  const { file, set } = entriesOf(call)
  const foreign = set.find(({ name }) => !Object.hasOwn(known, name))
  if (foreign !== undefined)
    throw call.refusal(`--set ${foreign.name} tells nothing of a store; ${Object.keys(known).join(", ")} do.`)
  // A broker's file holds much that is none of the store's business.
  const entries = [...file.filter(({ name }) => Object.hasOwn(known, name)), ...set]
  const vocabulary = { defaults: known, foreign: () => undefined, foreignNames: [], owner: "a store", rules }
  const { given, problems, settings } = read<Sizes>(entries, vocabulary)
  if (problems.length > 0) throw misuse(problems.join("\n"))
  return { given, settings }
}

/** Refuses a store that a broker has open, Gantry's or Apache RocketMQ's. */
const lock = async (root: string): Promise<() => void> => {
  const apache = nodeDisk.recordLockHolder(`${root}/lock`)
  if (apache !== undefined)
    throw misuse(`The store ${root} is open in Apache RocketMQ (process ${apache}). Stop that broker first.`)
  const release = await new Promise<(() => void) | undefined>((resolve) => nodeDisk.lock(root, resolve))
  if (release !== undefined) return release
  throw misuse(
    `The store ${root} is in use by a broker, or by another gantry store. Stop the broker first: what changes while it is read is not told from damage.`,
  )
}

const notAStore = (root: string): string => {
  const near = [path.dirname(root), path.join(root, "store")].find((folder) =>
    nodeDisk.exists(path.join(folder, "checkpoint")),
  )
  return `${root} is no store: it holds neither segments in commitlog nor a checkpoint.${near === undefined ? "" : ` Did you mean ${near}?`}`
}

/** A size that was given, and that no file has. */
const refuseOtherSegmentSize = ({ root, segmentBytes, segments }: StoreView): void => {
  const isShort = segments.length === 1 && segments[0]!.sizeBytes < segmentBytes
  if (segments.length > 0 && !isShort && !segments.some(({ sizeBytes }) => sizeBytes === segmentBytes))
    throw misuse(
      `The segments of ${root} are ${segments[0]!.sizeBytes} bytes long, and mappedFileSizeCommitLog is ${segmentBytes}. Leave that setting out: the files tell.`,
    )
}

/** Numbers that were given, or taken for granted, and that make the size of no file. */
const refuseOtherIndexSize = (view: StoreView): void => {
  const { disk, root, sizes } = view
  const wanted = IndexFormat.fileBytes(sizes.index.slots, sizes.index.entries)
  const found = disk.list(`${root}/index`).map((name) => sizeOf(view, `${root}/index/${name}`))
  if (found.length > 0 && !found.includes(wanted) && !found.every((size) => size === 0))
    throw misuse(
      `The index files of ${root} are ${found[0]} bytes long; maxHashSlotNum=${sizes.index.slots} and maxIndexNum=${sizes.index.entries} make ${wanted}. Give the numbers that the store was made with: -c broker.conf, or --set maxHashSlotNum=NUMBER --set maxIndexNum=NUMBER.`,
    )
}

const sizeOf = ({ disk }: StoreView, name: string): number => {
  const file = disk.open(name, "read")
  try {
    return file.sizeBytes()
  } finally {
    file.close()
  }
}

const optionsOf = (view: StoreView, settings: Sizes): StoreOptions.StoreOptions => {
  const levels = DelayLevel.parse(settings.messageDelayLevel)
  if (Result.isFailure(levels)) throw misuse(`${levels.failure.remark}.`)
  const configured = Math.ceil(settings.mappedFileSizeConsumeQueue / 20) * 20
  return {
    ...StoreOptions.defaults,
    commitLogSegmentBytes: view.segmentBytes === 0 ? settings.mappedFileSizeCommitLog : view.segmentBytes,
    consumeQueueSegmentBytes: view.queueSegmentBytes ?? configured,
    delayLevelsMs: levels.success,
    index: view.sizes.index,
    processId: process.pid,
    root: view.root,
    storeHost: nowhere,
  }
}
