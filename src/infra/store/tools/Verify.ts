/**
 * Reads everything of a store that is closed and says whether it is whole (P1, P2, P9): each record's checksums and
 * place, each queue's offsets and entries, each key's entry in the index, each file's name and size. Nothing is changed.
 *
 * After a crash the newest entries of queues and index may be missing: the next start writes them. They are not damage,
 * and neither is a torn tail behind what was synced.
 */
import { auditFolder, type FolderFaults } from "./FolderAudit.ts"
import { IndexAudit } from "./IndexAudit.ts"
import { type Hole, survey } from "./LogSurvey.ts"
import { QueueAudit } from "./QueueAudit.ts"
import type { StoreView } from "./StoreView.ts"

export interface Verdict {
  readonly records: number
  readonly queueEntries: number
  readonly indexEntries: number
  readonly minOffset: number
  readonly endOffset: number
  /** A torn tail, which the next start cuts. */
  readonly tailBytes: number
  readonly holes: ReadonlyArray<Hole>
  readonly folder: FolderFaults
  /** One sentence for each of the first problems, holes first. */
  readonly problems: ReadonlyArray<string>
  readonly problemCount: number
}

/** Sentences that are kept: what is wrong with the first of them is mostly wrong with all. */
const problemsMax = 100

/** Yields how far it has come, in bytes of the log. */
export function* verify(view: StoreView): Generator<number, Verdict> {
  const sentences: Array<string> = []
  let count = 0
  const report = (sentence: string): void => {
    count++
    if (sentences.length < problemsMax) sentences.push(sentence)
  }
  const queues = new QueueAudit(view, report)
  const index = new IndexAudit(view, report)
  if (index.unreadable !== undefined) report(index.unreadable)
  const dueBelow = dueBelowOf(view)
  let records = 0
  const { endOffset, holes, tailBytes } = yield* survey(view, (message) => {
    records++
    const isDue = message.physicalOffset < dueBelow
    queues.record(message, isDue)
    index.record(message, isDue)
  })
  queues.finish(endOffset)
  index.finish()
  const folder = auditFolder(view, endOffset)
  const first = [...holes.map(printHole), ...folder.sentences]
  return {
    endOffset,
    folder,
    holes,
    indexEntries: index.entries,
    minOffset: view.minOffset,
    problemCount: count + first.length,
    problems: [...first, ...sentences].slice(0, problemsMax),
    queueEntries: queues.entries,
    records,
    tailBytes,
  }
}

/** Records below it must be in queues and index: all of them after a clean close, else what the mark says. */
const dueBelowOf = ({ isAborted, mark }: StoreView): number =>
  isAborted ? (mark?.projectedOffset ?? 0) : Number.MAX_SAFE_INTEGER

export const printHole = ({ from, path, reason, to }: Hole): string =>
  `CommitLog ${from} to ${to} (${to - from} bytes${path === undefined ? "" : ` of ${path}`}): ${reason}`
