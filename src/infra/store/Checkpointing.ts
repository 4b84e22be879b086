/**
 * Makes the projections durable behind the log, and then says so: `gantry.mark` for the next start of Gantry, `checkpoint`
 * for one of Apache RocketMQ. What they claim is on disk before they claim it (P9).
 */
import type { DiskError } from "../disk/Disk.ts"
import type { World } from "../world/World.ts"
import type { CommitLog } from "./CommitLog.ts"
import type { Dispatch, Projected } from "./Dispatch.ts"
import type { IndexFiles } from "./IndexFiles.ts"
import type { QueueTable } from "./QueueTable.ts"
import type { StateFiles } from "./StateFiles.ts"
import type { StoreOptions } from "./StoreOptions.ts"

/** What a checkpoint covers. */
export interface Covered {
  readonly log: CommitLog
  readonly queues: QueueTable
  readonly index: IndexFiles
  readonly dispatch: Dispatch
  readonly state: StateFiles
}

export class Checkpointing {
  /** Queue and index entries of records below it are durable, and the mark says so. */
  offset = 0
  readonly #log: CommitLog
  readonly #queues: QueueTable
  readonly #index: IndexFiles
  readonly #dispatch: Dispatch
  readonly #state: StateFiles
  readonly #options: StoreOptions
  readonly #world: World
  #isRunning = false
  #isBusy = false
  /** Who waits for the checkpoint under way; not by a timer, because a timer keeps no process alive. */
  readonly #waiting: Array<() => void> = []
  #cancel: (() => void) | undefined

  constructor({ dispatch, index, log, queues, state }: Covered, options: StoreOptions, world: World) {
    this.#log = log
    this.#queues = queues
    this.#index = index
    this.#dispatch = dispatch
    this.#state = state
    this.#options = options
    this.#world = world
  }

  /** Takes a checkpoint now and then; those below `offset` were taken in an earlier life. */
  start(offset: number): void {
    this.offset = offset
    this.#isRunning = true
    this.#schedule()
  }

  /** None is taken any more; one may be under way (`whenIdle`). */
  stop(): void {
    this.#isRunning = false
    this.#cancel?.()
  }

  /** Writes queues and index to disk, then moves the mark and the checkpoint up to what they cover. */
  take(done: (error: DiskError | undefined) => void): void {
    this.whenIdle(() => {
      if (!this.#isRunning) return done(this.#log.failed)
      this.#isBusy = true
      this.#checkpoint((error) => {
        this.#isBusy = false
        // What a failed sync covered may be gone though the next one succeeds: the next start writes it anew.
        if (error?.operation.startsWith("sync") === true) this.#log.poison(error)
        done(error)
        for (const run of this.#waiting.splice(0)) this.whenIdle(run)
      })
    })
  }

  #checkpoint(end: (error: DiskError | undefined) => void): void {
    const projectedOffset = this.#dispatch.projectedOffset
    const last = this.#dispatch.last
    // By ASYNC_FLUSH the log may be behind what is readable; nothing may be made to rest on more than it has.
    if (this.#log.syncedOffset < projectedOffset)
      return this.#log.syncNow(() =>
        this.#log.failed === undefined ? this.#flushProjections(projectedOffset, last, end) : end(this.#log.failed),
      )
    this.#flushProjections(projectedOffset, last, end)
  }

  #flushProjections(projectedOffset: number, last: Projected, end: (error: DiskError | undefined) => void): void {
    this.#queues.flush(this.#log.syncedOffset, (queuesError) => {
      if (queuesError !== undefined) return end(queuesError)
      this.#world.trace?.("FlushQueue", { commitLogOffsetEnd: projectedOffset })
      this.#index.flush((indexError) => {
        if (indexError !== undefined) return end(indexError)
        const syncedOffset = this.#log.syncedOffset
        this.#state.writeMark({ cleanEnd: -1, projectedOffset, syncedOffset }, (markError) => {
          if (markError !== undefined) return end(markError)
          this.offset = projectedOffset
          this.#world.trace?.("Mark", { commitLogOffsetEnd: syncedOffset })
          this.#state.writeCheckpoint(this.#checkpointOf(last), (error) => {
            if (error === undefined) this.#world.trace?.("Checkpoint", { commitLogOffsetEnd: projectedOffset })
            end(error)
          })
        })
      })
    })
  }

  /** Leaves the state files of a clean close. Throws `DiskError`. */
  seal(): void {
    this.#index.close(true)
    this.#state.writeQueueEnds(this.#queues.endsNow())
    this.#state.writeCheckpointSync(this.#checkpointOf(this.#dispatch.last, true))
    const end = this.#log.syncedOffset
    this.#state.writeMarkSync({ cleanEnd: end, projectedOffset: end, syncedOffset: end })
    this.#state.markClosed()
  }

  /** Runs `run` when no checkpoint is under way. */
  whenIdle(run: () => void): void {
    if (this.#isBusy) this.#waiting.push(run)
    else run()
  }

  /**
   * What Apache RocketMQ may trust after a crash. It then deletes every index file that is not full and rebuilds from
   * where the queues end; so that no key is lost, we claim no more of the queues than of full index files. A clean close
   * leaves nothing to rebuild.
   */
  #checkpointOf(last: Projected, isClosed = false) {
    const fullEnd = this.#index.fullEnd
    const end = isClosed ? last : fullEnd
    return {
      confirmPhyOffset: last.commitLogOffset,
      indexMsgTimestamp: fullEnd.storeTimestamp,
      logicsMsgTimestamp: Math.min(last.storeTimestamp, end.storeTimestamp),
      logicsPhysicalOffset: Math.min(last.commitLogOffset, end.commitLogOffset),
      masterFlushedOffset: 0,
      physicMsgTimestamp: last.storeTimestamp,
    }
  }

  #schedule(): void {
    this.#cancel = this.#world.clock.after(this.#options.checkpointIntervalMs, () => {
      if (!this.#isRunning) return
      if (this.#dispatch.projectedOffset === this.offset) return this.#schedule()
      this.take((error) => {
        if (error !== undefined)
          this.#world.log.warn(`the queues could not be written: ${error.message}; trying again`, { path: error.path })
        if (this.#isRunning) this.#schedule()
      })
    })
  }
}
