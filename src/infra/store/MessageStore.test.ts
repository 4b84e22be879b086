import { afterEach, assert, describe, it } from "vitest"
import * as fs from "node:fs"
import * as os from "node:os"
import * as Host from "../../format/Host.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import { silent } from "../telemetry/Log.ts"
import { makeNodeWorld } from "../world/NodeWorld.ts"
import type { World } from "../world/World.ts"
import { type GetResult, type MessageIn, MessageStore } from "./MessageStore.ts"
import { defaults, type StoreOptions } from "./StoreOptions.ts"

const host = Host.make("127.0.0.1", 10911)
if (host instanceof Error) throw host

const small = (root: string): StoreOptions => ({
  ...defaults,
  commitLogSegmentBytes: 64 * 1024,
  consumeQueueSegmentBytes: 6000,
  delayLevelsMs: [1000],
  index: { entries: 400, slots: 100 },
  ringBytes: 1024 * 1024,
  root,
  storeHost: host,
})

const message = (text: string, properties = ""): MessageIn => ({
  body: Buffer.from(text),
  bornHost: host,
  bornTimestamp: 1,
  flag: 0,
  preparedTransactionOffset: 0,
  properties,
  reconsumeTimes: 0,
  sysFlag: 0,
})

const openStore = (options: StoreOptions, world: World): MessageStore => {
  const store = new MessageStore(options, world)
  for (const _ of store.open(0, () => {}));
  return store
}

const put = (store: MessageStore, queueId: number, text: string, properties = ""): Promise<string> =>
  new Promise((resolve) => {
    const refused = store.put(store.queues.get("T", queueId), message(text, properties), { stored: resolve })
    if (typeof refused === "string") resolve(refused)
  })

const get = (store: MessageStore, queueId: number, queueOffset: number): Promise<[GetResult, Array<string>]> =>
  new Promise((resolve, reject) => {
    const queue = store.queues.get("T", queueId)
    store.get({ countMax: 32, matches: undefined, queue, queueOffset }, (error, result) => {
      if (result === undefined) return reject(error)
      const bytes = Buffer.alloc(result.sizeBytes)
      assert.isTrue(result.copyTo(bytes, 0))
      resolve([result, StoredMessage.decodeAll(bytes).messages.map((one) => one.body.toString())])
    })
  })

const close = (store: MessageStore): Promise<void> => new Promise((resolve) => store.close(resolve))

describe("MessageStore on a real disk", () => {
  const roots: Array<string> = []
  const root = (): string => {
    const made = fs.mkdtempSync(`${os.tmpdir()}/gantry-store-`)
    roots.push(made)
    return made
  }
  afterEach(() => {
    for (const made of roots.splice(0)) fs.rmSync(made, { force: true, recursive: true })
  })
  const world = makeNodeWorld({ log: silent })

  it("P1 P2 keeps what it was told to store, in order, over a clean restart", async () => {
    const options = small(root())
    const store = openStore(options, world)
    const puts: Array<Promise<string>> = []
    for (let i = 0; i < 2000; i++) puts.push(put(store, i % 3, `m${i}`, `KEYS\u0001k${i}\u0002`))
    assert.isTrue((await Promise.all(puts)).every((status) => status === "Stored"))
    await close(store)
    const again = openStore(options, world)
    const read: Array<string> = []
    for (let next = 0; ;) {
      const [result, texts] = await get(again, 1, next)
      if (result.status !== "FOUND") break
      read.push(...texts)
      next = result.nextBeginOffset
    }
    assert.deepStrictEqual(
      read,
      Array.from({ length: 667 }, (_, i) => `m${i * 3 + 1}`),
    )
    await close(again)
  })

  it("closes while a checkpoint is under way without a timer: none keeps a process alive", async () => {
    const timers: Array<() => void> = []
    const clock = {
      ...world.clock,
      after: (_delayMs: number, run: () => void) => {
        timers.push(run)
        return () => {}
      },
    }
    const store = openStore(small(root()), { ...world, clock })
    assert.strictEqual(await put(store, 0, "hello"), "Stored")
    for (const run of timers.splice(0)) run()
    await close(store)
  })

  it("P1 P9 finds everything again when the process was killed, queues and index rebuilt", async () => {
    const options = small(root())
    const store = openStore(options, world)
    for (let i = 0; i < 500; i++) await put(store, 0, `m${i}`, `KEYS\u0001k${i}\u0002`)
    // Not closed: the same folder is opened beside it, as after a kill.
    const again = openStore(options, world)
    const [, texts] = await get(again, 0, 490)
    assert.deepStrictEqual(texts, ["m490", "m491", "m492", "m493", "m494", "m495", "m496", "m497", "m498", "m499"])
    fs.rmSync(`${options.root}/consumequeue`, { force: true, recursive: true })
    fs.rmSync(`${options.root}/index`, { force: true, recursive: true })
    const rebuilt = openStore(options, world)
    assert.deepStrictEqual((await get(rebuilt, 0, 499))[1], ["m499"])
  })
})
