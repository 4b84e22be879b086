/**
 * What may happen to a store, as commands for fast-check: each is done to the store and to the model, and the store
 * must then show what the model shows. Crashes come at any instant; which unsynced bytes survive them is drawn from a
 * seed that is part of the command, so that a failure shrinks and replays.
 */
import * as fc from "fast-check"
import { expect } from "vitest"
import { tagsCode } from "../../../src/domain/Subscription.ts"
import { keepSome } from "../../../src/infra/disk/survival.ts"
import { SeededRandom } from "../../../src/infra/random/SeededRandom.ts"
import * as Model from "../reference/Model.ts"
import type { StoreRig } from "./StoreRig.ts"

/** The model, and what ties it to the bytes: where each message of its log lies. */
export interface Tied {
  state: Model.State
  /** CommitLog offset of each message of the model's log. */
  places: Array<number>
  /** Messages that were readable when this life began. */
  base: number
  /** How many messages were made so far; their bodies and keys are numbered. */
  made: number
}

export const tied = (): Tied => ({ base: 0, made: 0, places: [], state: Model.empty })

type Command = fc.Command<Tied, StoreRig>

export const topics = ["Orders", "%RETRY%g", "SCHEDULE_TOPIC_XXXX"] as const

/** Takes over what was answered since: in the order of the puts, and nothing is answered that the store will not keep. */
const noteAnswers = (model: Tied, rig: StoreRig): void => {
  for (const [i, { record, status }] of rig.told.entries()) {
    expect(status).toBe("Stored")
    expect(record.commitLogOffset).toBe(model.places[model.base + i])
  }
  model.state = Model.becameReadable(model.state, model.base + rig.told.length)
}

/** After a start: what is left must be what a crash may leave (P1), and is readable from now on. */
const noteSurvivors = (model: Tied, rig: StoreRig): void => {
  const end = rig.store.log.readableOffset
  const survivors = model.places.filter((place) => place < end).length
  const state = Model.crashed(model.state, survivors)
  expect(state, `${survivors} messages survived, ${model.state.readable} were answered`).toBeDefined()
  model.state = state as Model.State
  model.places.length = survivors
  model.base = survivors
}

/** The bounds of each queue, at any time (P2). */
const checkBounds = (model: Tied, rig: StoreRig): void => {
  for (const [topic, queueId] of Model.queues(model.state)) {
    const queue = rig.store.queues.get(topic, queueId)
    queue.correctMin(rig.store.log.minOffset)
    const { maxOffset, minOffset } = Model.queue(model.state, topic, queueId)
    expect([queue.minOffset, queue.maxOffset, queue.nextOffset], `bounds of ${topic}-${queueId}`).toEqual([
      minOffset,
      maxOffset,
      Model.nextOffset(model.state, topic, queueId),
    ])
  }
}

/** Every message of every queue, and every key (P1, P9). */
export const checkAll = (model: Tied, rig: StoreRig): void => {
  checkBounds(model, rig)
  for (const [topic, queueId] of Model.queues(model.state)) {
    expect(rig.readAll(topic, queueId)).toEqual(Model.queue(model.state, topic, queueId).messages)
  }
  const keys = new Set(model.state.log.flatMap((one) => one.keys.map((key) => `${one.topic} ${key}`)))
  for (const name of keys) {
    const [topic = "", key = ""] = name.split(" ")
    expect(rig.find(topic, key), `messages of key ${key}`).toEqual(Model.find(model.state, topic, key))
  }
}

const command = (
  name: string,
  run: (model: Tied, rig: StoreRig) => void,
  check?: (model: Tied) => boolean,
): Command => ({
  check: (model) => check?.(model) ?? true,
  run: (model, rig) => {
    run(model, rig)
    noteAnswers(model, rig)
    checkBounds(model, rig)
  },
  toString: () => name,
})

interface Wish {
  readonly topic: string
  readonly queueId: number
  readonly sizeBytes: number
  readonly key: number | undefined
  readonly tag: string | undefined
}

const putOne = (model: Tied, rig: StoreRig, wish: Wish): void => {
  const number = model.made++
  const message: Model.Message = {
    body: `${number} `.padEnd(wish.sizeBytes, "x"),
    keys: wish.key === undefined ? [] : [`k${wish.key}`, `n${number}`],
    queueId: wish.queueId,
    tag: wish.tag,
    topic: wish.topic,
  }
  const record = rig.put(message)
  // The ring of this rig is small: a put that finds it full is refused, and nothing happened.
  if (record === "Busy") return
  if (typeof record === "string") throw new Error(`refused: ${record}`)
  expect(record.queueOffset).toBe(Model.nextOffset(model.state, wish.topic, wish.queueId))
  model.state = Model.put(model.state, message)
  model.places.push(record.commitLogOffset)
}

const show = ({ key, queueId, sizeBytes, tag, topic }: Wish): string =>
  `${topic}-${queueId} ${sizeBytes} bytes${key === undefined ? "" : ` key ${key}`}${tag === undefined ? "" : ` tag ${tag}`}`

const wishes: fc.Arbitrary<Wish> = fc.record({
  key: fc.option(fc.nat(5), { nil: undefined }),
  queueId: fc.nat(1),
  sizeBytes: fc.oneof(
    { weight: 8, arbitrary: fc.nat(60) },
    { weight: 1, arbitrary: fc.integer({ max: 3700, min: 1500 }) },
  ),
  tag: fc.constantFrom(undefined, "red", "blue"),
  topic: fc.constantFrom(...topics),
})

const seeds = fc.nat(1_000_000)

const put = wishes.map((wish) => command(`put(${show(wish)})`, (model, rig) => putOne(model, rig, wish)))

const batch = fc.array(wishes, { maxLength: 30, minLength: 2 }).map((all) =>
  command(`batch(${all.map(show).join(", ")})`, (model, rig) => {
    for (const wish of all) putOne(model, rig, wish)
  }),
)

const settle = fc.constant(
  command("settle", (model, rig) => {
    rig.settle()
    noteAnswers(model, rig)
    expect(model.state.readable).toBe(model.state.log.length)
  }),
)

const steps = fc.integer({ max: 12, min: 1 }).map((count) => command(`steps(${count})`, (_, rig) => rig.steps(count)))

/** Long enough that the store's own checkpoint comes, or not. */
const pass = fc.nat(1500).map((ms) => command(`pass(${ms} ms)`, (_, rig) => rig.sim.runFor(ms)))

const get = fc
  .record({
    countMax: fc.integer({ max: 40, min: 1 }),
    from: fc.integer({ max: 60, min: -2 }),
    queueId: fc.nat(2),
    tag: fc.constantFrom(undefined, "red"),
    topic: fc.constantFrom(...topics),
  })
  .map(({ countMax, from, queueId, tag, topic }) =>
    command(`get(${topic}-${queueId} from ${from}, at most ${countMax}, tag ${tag})`, (model, rig) => {
      // A delay queue keeps the time of delivery where others keep the tag.
      const byTag = topic === "SCHEDULE_TOPIC_XXXX" ? undefined : tag
      const matches = byTag === undefined ? undefined : (code: number): boolean => code === tagsCode(byTag)
      const { messages, result, sound } = rig.get(topic, queueId, from, countMax, matches)
      noteAnswers(model, rig)
      const expected = Model.read(model.state, topic, queueId, from, byTag)
      expect(result.status).toBe(expected.status)
      expect(sound).toBe(true)
      expect(messages).toEqual(expected.messages.slice(0, messages.length))
      expect(messages.length).toBeLessThanOrEqual(countMax)
      if (expected.status !== "FOUND") return expect(result.nextBeginOffset).toBe(expected.nextOffset)
      expect(messages.length).toBeGreaterThan(0)
      // What lies between the last message of the answer and the next read did not match.
      const after = expected.messages[messages.length]
      expect(result.nextBeginOffset).toBeGreaterThan(messages.at(-1)!.queueOffset)
      expect(result.nextBeginOffset).toBeLessThanOrEqual(after?.queueOffset ?? expected.nextOffset)
    }),
  )

const find = fc.record({ key: fc.nat(5), topic: fc.constantFrom(...topics) }).map(({ key, topic }) =>
  command(`find(${topic} k${key})`, (model, rig) => {
    const found = rig.find(topic, `k${key}`)
    noteAnswers(model, rig)
    expect(found).toEqual(Model.find(model.state, topic, `k${key}`))
  }),
)

const checkpoint = fc.constant(command("checkpoint", (_, rig) => rig.checkpoint()))

const reopen = (model: Tied, rig: StoreRig): void => {
  rig.open()
  noteSurvivors(model, rig)
}

const powerCut = seeds.map((seed) =>
  command(`powerCut(${seed})`, (model, rig) => {
    noteAnswers(model, rig)
    rig.powerCut(keepSome(new SeededRandom(seed)))
    reopen(model, rig)
  }),
)

/** The power goes again while the store is being opened, up to three times. */
const cutsInRecovery = fc
  .record({ cuts: fc.array(fc.integer({ max: 30, min: 1 }), { maxLength: 3, minLength: 1 }), seed: seeds })
  .map(({ cuts, seed }) =>
    command(`powerCut(${seed}) and again at ${cuts.join(", ")} in recovery`, (model, rig) => {
      noteAnswers(model, rig)
      const random = new SeededRandom(seed)
      for (const at of cuts) {
        const cut: Parameters<StoreRig["powerCut"]>[1] = {
          onBoundary: (n) => {
            if (n === at) throw new Cut()
          },
        }
        rig.powerCut(keepSome(random), cut)
        try {
          rig.open()
        } catch (error) {
          if (!(error instanceof Cut)) throw error
        }
      }
      rig.powerCut(keepSome(random))
      reopen(model, rig)
    }),
  )

class Cut extends Error {}

const kill = seeds.map((seed) =>
  command(`kill(${seed})`, (model, rig) => {
    noteAnswers(model, rig)
    rig.kill(keepSome(new SeededRandom(seed)))
    reopen(model, rig)
  }),
)

const close = (model: Tied, rig: StoreRig): void => {
  rig.close()
  noteAnswers(model, rig)
  expect(model.state.readable).toBe(model.state.log.length)
  rig.restart()
}

const cleanRestart = fc.constant(
  command("cleanRestart", (model, rig) => {
    close(model, rig)
    reopen(model, rig)
  }),
)

/**
 * The projections are thrown away while the store is down (P9). A queue of which retention left nothing is told by its
 * folder alone, so that there must be none for the queues' turn.
 */
const dropProjections = fc
  .record({ folder: fc.constantFrom("consumequeue", "index"), seed: fc.option(seeds, { nil: undefined }) })
  .map(({ folder, seed }) =>
    command(
      `drop(${folder}) after ${seed === undefined ? "a clean close" : `powerCut(${seed})`}`,
      (model, rig) => {
        if (seed === undefined) close(model, rig)
        else {
          noteAnswers(model, rig)
          rig.powerCut(keepSome(new SeededRandom(seed)))
        }
        rig.removeFolder(`${rig.options.root}/${folder}`)
        reopen(model, rig)
      },
      ({ state }) =>
        folder === "index" ||
        Model.queues(state).every(([topic, queueId]) => Model.queue(state, topic, queueId).messages.length > 0) ||
        state.deleted === 0,
    ),
  )

const retain = fc.boolean().map((withCheckpoint) =>
  command(`retain(${withCheckpoint ? "after a checkpoint" : "as it is"})`, (model, rig) => {
    if (withCheckpoint) rig.checkpoint()
    rig.store.deleteFirstSegment()
    noteAnswers(model, rig)
    model.state = Model.deleted(model.state, model.places.filter((place) => place < rig.store.log.minOffset).length)
  }),
)

const verify = fc.constant(command("verify", checkAllSettled))

function checkAllSettled(model: Tied, rig: StoreRig): void {
  rig.settle()
  noteAnswers(model, rig)
  checkAll(model, rig)
}

const writing = [put, batch, batch, settle, steps, pass, checkpoint, retain]
const reading = [get, find, verify]
const ending = [powerCut, cutsInRecovery, kill, cleanRestart, dropProjections]
const all = [...writing, ...reading, ...ending]

export const commands = (replayPath?: string) =>
  fc.commands(all, { maxCommands: 60, size: "+1", ...(replayPath === undefined ? {} : { replayPath }) })

/** The end of every run: all that was put is answered, and all of it is there. */
export const finish = checkAllSettled
