/** What is wrong with the files of a store as files: names, sizes, gaps, and snapshots that cannot be read. */
import * as ConfigJson from "../../../format/ConfigJson.ts"
import { Malformed } from "../../../format/Malformed.ts"
import { readWhole } from "../StateFiles.ts"
import type { StoreView, ViewedFile } from "./StoreView.ts"

export interface FolderFaults {
  /** Files of the log with another size than the rest. */
  readonly odd: ReadonlyArray<ViewedFile>
  /** Paths in the folder of the log that do not belong there: a broker refuses to start beside them. */
  readonly strangers: ReadonlyArray<string>
  /** Snapshots in `config` that cannot be read. */
  readonly snapshots: ReadonlyArray<{ readonly path: string; readonly reason: string }>
  /** Each as a sentence without a full stop. */
  readonly sentences: ReadonlyArray<string>
}

/** `endOffset`: where the records of the log end. */
export const auditFolder = (view: StoreView, endOffset: number): FolderFaults => {
  const odd = view.segments.filter((segment) => isOdd(view, segment))
  const strangers = [...view.strangers, ...detached(view, endOffset)]
  const snapshots = snapshotFaults(view)
  return {
    odd,
    sentences: [
      ...(view.isInRepair ? [`a repair of ${view.root} was begun and not ended`] : []),
      ...(view.isMarkRotten ? [`${view.root}/gantry.mark cannot be read: what was synced is not known`] : []),
      ...odd.map(({ path, sizeBytes }) => `${path} is ${sizeBytes} bytes long, a segment has ${view.segmentBytes}`),
      ...strangers.map((path) => `${path} is no part of the log`),
      ...snapshots.map(({ path, reason }) => `${path} cannot be read: ${reason}`),
    ],
    snapshots,
    strangers,
  }
}

/** A crash leaves the newest file empty, or shorter when a start was cutting it; the next start makes it whole. */
const isOdd = (view: StoreView, segment: ViewedFile): boolean => {
  const { sizeBytes } = segment
  if (sizeBytes === view.segmentBytes) return false
  if (segment !== view.segments.at(-1)) return true
  return sizeBytes !== 0 && !(view.isAborted && !view.lastLife.isForeign && sizeBytes < view.segmentBytes)
}

/** Files behind the end of the log that do not follow it. */
const detached = (view: StoreView, endOffset: number): ReadonlyArray<string> => {
  const behind = view.segments.filter(({ baseOffset }) => baseOffset >= endOffset)
  let expected = Math.ceil(endOffset / view.segmentBytes) * view.segmentBytes
  const found: Array<string> = []
  for (const { baseOffset, path } of behind) {
    if (baseOffset === expected || view.segments[0]?.path === path) expected = baseOffset + view.segmentBytes
    else found.push(path)
  }
  return found
}

const parsers: Readonly<Record<string, (text: string) => unknown>> = {
  "consumerOffset.json": ConfigJson.parseConsumerOffsets,
  "delayOffset.json": ConfigJson.parseDelayOffsets,
  "subscriptionGroup.json": ConfigJson.parseSubscriptionGroups,
  "topics.json": ConfigJson.parseTopics,
}

/** A broker reads the file, or its `.bak` when it is missing or empty, as Apache RocketMQ does. */
const snapshotFaults = (view: StoreView): FolderFaults["snapshots"] =>
  Object.entries(parsers).flatMap(([name, parse]) => {
    for (const path of [`${view.root}/config/${name}`, `${view.root}/config/${name}.bak`]) {
      const bytes = readWhole(view.disk, path)
      if (bytes === undefined || bytes.length === 0) continue
      const content = parse(bytes.toString("utf8"))
      return content instanceof Malformed ? [{ path, reason: content.reason }] : []
    }
    return []
  })
