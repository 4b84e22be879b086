/**
 * `config/consumerFilter.json`: the filters of groups, kept so that after a restart messages are marked for groups that
 * are not connected yet. Written when something changed, at most every 10 s, and at the end.
 *
 * Only the file of a clean exit is read: after a crash it may name a filter that was replaced since, while messages were
 * marked for the new one. Nor is one that another program wrote, that cannot be read, or that was made for marks of
 * another size. What is not read costs marks, and no messages: heartbeats bring the filters again (P3).
 */
import * as ConsumerFilter from "../../domain/ConsumerFilter.ts"
import * as ConfigJson from "../../format/ConfigJson.ts"
import { Malformed } from "../../format/Malformed.ts"
import { attempt } from "../../infra/store/attempt.ts"
import { readWhole } from "../../infra/store/StateFiles.ts"
import type { World } from "../../infra/world/World.ts"
import { SnapshotFile } from "./SnapshotFile.ts"

const name = "consumerFilter.json"
const everyMs = 10_000

export class FilterFile {
  readonly #world: World
  readonly #root: string
  readonly #path: string
  readonly #table: ConsumerFilter.ConsumerFilters
  readonly #file: SnapshotFile
  #written: number
  #cancel: (() => void) | undefined

  constructor(world: World, root: string, table: ConsumerFilter.ConsumerFilters) {
    this.#world = world
    this.#root = root
    this.#path = `${root}/config/${name}`
    this.#table = table
    this.#written = table.changes
    const print = (): Iterable<string> => ConfigJson.printConsumerFilters(contentOf(table))
    this.#file = new SnapshotFile(world, `${root}/config`, name, print, (done) => done(undefined))
  }

  /** Reads what the last life left, before the store is opened. */
  load(): void {
    const path = this.#path
    if (this.#world.disk.exists(`${this.#root}/abort`)) return
    const bytes = readWhole(this.#world.disk, path)
    if (bytes === undefined || bytes.length === 0) return
    const content = ConfigJson.parseConsumerFilters(bytes.toString("utf8"))
    if (content instanceof Malformed)
      return this.#world.log.warn(`${path} cannot be read and is left aside: ${content.reason}`)
    const saved = savedOf(content, this.#table)
    // Nobody was connected while the broker was down. RocketMQ counts half a minute.
    if (saved !== undefined) ConsumerFilter.restore(this.#table, saved, this.#world.clock.nowMs() - 30_000)
    this.#written = this.#table.changes
  }

  start(): void {
    this.#cancel = this.#world.clock.after(everyMs, () => {
      this.write(() => {})
      this.start()
    })
  }

  stop(): void {
    this.#cancel?.()
  }

  /** `done` runs when the file says what the table says, or cannot be written: a file that does not is removed. */
  write(done: () => void): void {
    if (this.#table.changes === this.#written) return done()
    const { changes } = this.#table
    this.#file.changed()
    this.#file.write((failure) => {
      if (failure === undefined) this.#written = changes
      else
        attempt(
          () => this.#world.disk.remove(this.#path),
          () => {},
        )
      done()
    })
  }
}

const contentOf = (table: ConsumerFilter.ConsumerFilters): ConfigJson.ConsumerFilters => ({
  filterDataByTopic: new Map(
    [...table.topics].map(([topic, filters]) => [
      topic,
      {
        groupFilterData: new Map(
          [...filters].map(([group, filter]) => [
            group,
            {
              bloomFilterData: { bitNum: table.bloom.bits, bitPos: filter.positions },
              bornTime: filter.bornMs,
              clientVersion: filter.version,
              consumerGroup: group,
              dead: filter.deadMs !== 0,
              deadTime: filter.deadMs,
              expression: filter.expression,
              expressionType: filter.expressionType,
              gantryBornOffset: filter.bornOffset,
              topic,
            },
          ]),
        ),
        topic,
      },
    ]),
  ),
})

/** Undefined when one of them is of another program, or was made for marks of another size or with other bits. */
const savedOf = (
  content: ConfigJson.ConsumerFilters,
  { bloom }: ConsumerFilter.ConsumerFilters,
): ReadonlyArray<ConsumerFilter.Saved> | undefined => {
  const saved: Array<ConsumerFilter.Saved> = []
  for (const { groupFilterData } of content.filterDataByTopic.values()) {
    for (const one of groupFilterData.values()) {
      const { bloomFilterData: data } = one
      if (data?.bitNum !== bloom.bits || data.bitPos.length !== bloom.hashes) return undefined
      if (one.gantryBornOffset === undefined) return undefined
      saved.push({
        bornMs: one.bornTime,
        bornOffset: one.gantryBornOffset,
        deadMs: one.deadTime,
        expression: one.expression,
        expressionType: one.expressionType,
        group: one.consumerGroup,
        topic: one.topic,
        version: one.clientVersion,
      })
    }
  }
  return saved
}
