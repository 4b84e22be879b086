/**
 * P9: everything in a store folder but the log is a projection of it. Each projection is deleted, and all of them at once,
 * and the broker that starts then knows what it knew. A new kind of file in the folder must be named here.
 */
import { expect, it } from "vitest"
import * as ConsumerOffset from "../../src/domain/ConsumerOffset.ts"
import * as RequestMode from "../../src/domain/RequestMode.ts"
import * as Admin from "../../src/format/Admin.ts"
import * as Pull from "../../src/format/PullMessage.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import * as QueueEnds from "../../src/format/QueueEnds.ts"
import * as Send from "../../src/format/SendMessage.ts"
import { type Disk, DiskError } from "../../src/infra/disk/Disk.ts"
import { readWhole, replaceWhole } from "../../src/infra/store/StateFiles.ts"
import { commit, createTopic, heartbeat, OneBroker, send } from "./cluster.ts"

const root = "/store"

/** What lies in the folder, by its name or that of its folder, and what it is. */
const projections: Readonly<Record<string, string>> = {
  "config/consumerOffset.json": "snapshot of consumer offsets",
  "config/delayOffset.json": "snapshot of the progress of delay levels",
  "config/gantryTransactions.json": "how far the log was searched for ends of transactions",
  "config/messageRequestMode.json": "snapshot of request modes",
  "config/subscriptionGroup.json": "snapshot of groups",
  "config/topics.json": "snapshot of topics",
  consumequeue: "where each queue's messages lie",
  index: "messages by key",
}
const others: Readonly<Record<string, string>> = {
  abort: "the mark of a store in use",
  checkpoint: "how far queues and index are on disk",
  commitlog: "the log",
  "gantry.mark": "how far the log is synced",
  "gantry.queues": "where each queue ended",
}

/** Every file below a folder; the path itself when it is one. */
const filesIn = (disk: Disk, path: string): ReadonlyArray<string> => {
  let names: ReadonlyArray<string>
  try {
    names = disk.list(path)
  } catch (error) {
    if (error instanceof DiskError) return [path]
    throw error
  }
  return names.flatMap((name) => filesIn(disk, `${path}/${name}`))
}

const belongsTo = (path: string): string => {
  const name = path.slice(root.length + 1)
  return (
    [...Object.keys(projections), ...Object.keys(others)].find(
      (known) => name === known || name.startsWith(`${known}/`),
    ) ?? `unknown ${name}`
  )
}

/** Deletes a file, or a folder with what is in it. */
const remove = (disk: Disk, path: string): void => {
  if (filesIn(disk, path)[0] !== path) for (const name of disk.list(path)) remove(disk, `${path}/${name}`)
  disk.remove(path)
}

/** A bit of everything that leaves a trace in a store. */
const use = (cluster: OneBroker): void => {
  const ask = (request: Parameters<OneBroker["ask"]>[0]): void => {
    const { code, remark } = cluster.ask(request)
    if (code !== 0) throw new Error(`${request.code} is answered ${code}: ${remark}`)
  }
  for (const topic of ["orders", "doomed", "again"]) ask(createTopic(topic))
  for (let i = 0; i < 30; i++) {
    ask(send("orders", 0, `KEYS\u0001k${i % 7}\u0002TAGS\u0001t${i % 3}\u0002UNIQ_KEY\u0001u${i}\u0002`))
    if (i % 5 === 0) ask(send("again", 0))
  }
  for (const level of [1, 1, 5, 9]) ask(send("orders", 0, `DELAY\u0001${level}\u0002KEYS\u0001late${level}\u0002`))
  ask(send("doomed", 0))
  ask(heartbeat("g"))
  ask(heartbeat("h"))
  cluster.world.sim.runFor(1500)
  ask(commit("g", "orders", 0, 11))
  ask(commit("h", "orders", 0, 3))
  ask(commit("g", "again", 0, 2))
  for (const topic of ["doomed", "again"])
    ask({ code: RequestCode.DELETE_TOPIC_IN_BROKER, ext: Admin.TopicOf.encode({ topic }) })
  ask(createTopic("again"))
  ask(send("again", 0, "KEYS\u0001second\u0002"))
  const groupOf = { cleanOffset: true, groupName: "h" }
  ask({ code: RequestCode.DELETE_SUBSCRIPTIONGROUP, ext: Admin.DeleteSubscriptionGroup.encode(groupOf) })
  const back = { delayLevel: 2, group: "g", offset: recordOf(cluster, "orders", 4), unitMode: false }
  ask({
    code: RequestCode.CONSUMER_SEND_MSG_BACK,
    ext: Send.ConsumerSendMsgBack.encode({ ...back, originTopic: "orders" }),
  })
  const forbidden = Admin.GroupForbidden.encode({ group: "g", readable: false, topic: "again" })
  ask({ code: RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN, ext: forbidden })
  const mode = { consumerGroup: "g", mode: "POP", popShareQueueNum: 2, topic: "orders" }
  ask({ body: Buffer.from(JSON.stringify(mode)), code: RequestCode.SET_MESSAGE_REQUEST_MODE })
  cluster.world.sim.runFor(12_000)
}

const recordOf = ({ broker }: OneBroker, topic: string, queueOffset: number): number =>
  broker.state.store.queues.get(topic, 0).entrySync(queueOffset)!.commitLogOffset

const sorted = <A>(all: Iterable<readonly [string | number, A]>) =>
  [...all].toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))

/** What a broker can be asked about, as plain data. */
const knowledgeOf = (cluster: OneBroker) => {
  const { metadata, store } = cluster.broker.state
  const names = [...metadata.topics.keys()].toSorted()
  const queues = names.flatMap((topic) =>
    store.queues.idsOf(topic).map((queueId) => {
      const queue = store.queues.get(topic, queueId)
      queue.correctMin(store.log.minOffset)
      const entries = []
      for (let at = queue.minOffset; at < queue.maxOffset; at++) entries.push(queue.entrySync(at))
      return { entries, minOffset: queue.minOffset, next: queue.nextOffset, queueId, topic }
    }),
  )
  const keys = ["k0", "k3", "k6", "u7", "u29", "late1", "late9", "second", "nothing"].map((key) => {
    const topic = key === "second" ? "again" : "orders"
    const ext = Pull.QueryMessage.encode({ beginTimestamp: 0, endTimestamp: 1e15, key, maxNum: 32, topic })
    return [key, cluster.ask({ code: RequestCode.QUERY_MESSAGE, ext }).body.toString("hex")]
  })
  return {
    delay: sorted(metadata.delayOffsets),
    forbidden: sorted(metadata.forbidden),
    groups: sorted(metadata.groups),
    keys,
    modes: RequestMode.settings(metadata.requestModes),
    offsets: ConsumerOffset.entries(metadata.offsets)
      .map(({ group, queueId, queueOffset, topic }) => `${group} ${topic} ${queueId} ${queueOffset}`)
      .toSorted(),
    queues: queues.filter(({ next }) => next > 0),
    topics: sorted(metadata.topics),
  }
}

/** A used broker that was stopped in order, or killed, and what it knew then. */
const used = (seed: number, stop: "stop" | "kill") => {
  const cluster = new OneBroker(seed, { mappedFileSizeCommitLog: 64 * 1024 })
  use(cluster)
  const known = knowledgeOf(cluster)
  cluster[stop]()
  return { cluster, known }
}

it("P9: a store folder holds the log, marks, and projections that are known here", () => {
  const found = new Set<string>()
  for (const how of ["stop", "kill"] as const)
    used(1, how).cluster.start({}, {}, (disk) => {
      for (const path of filesIn(disk, root)) found.add(belongsTo(path))
    })
  expect([...found].toSorted()).toEqual([...Object.keys(projections), ...Object.keys(others)].toSorted())
})

it.for(Object.keys(projections))("P9: %s, deleted after a stop, is rebuilt from the log", (projection) => {
  const { cluster, known } = used(2, "stop")
  cluster.start({}, {}, (disk) => {
    expect(filesIn(disk, root).map(belongsTo)).toContain(projection)
    remove(disk, `${root}/${projection}`)
    expect(filesIn(disk, root).map(belongsTo)).not.toContain(projection)
  })
  expect(knowledgeOf(cluster)).toEqual(known)
})

const orders = "consumequeue/orders/0"

it.for(["consumequeue/orders", orders, `${orders}/${"0".repeat(20)}`])(
  "P2 P9: %s alone, deleted after a stop, is rebuilt, and no offset is used twice",
  (path) => {
    const { cluster, known } = used(4, "stop")
    cluster.start({}, {}, (disk) => remove(disk, `${root}/${path}`))
    expect(knowledgeOf(cluster)).toEqual(known)
  },
)

it("P2: a queue that lost entries in its file is refused, not gone on with", () => {
  const { cluster, known } = used(5, "stop")
  const { next } = known.queues.find(({ topic }) => topic === "orders")!
  cluster.start({}, {}, (disk) => {
    const file = disk.open(`${root}/${orders}/${"0".repeat(20)}`, "write")
    file.writeSync(Buffer.alloc(20), (next - 1) * 20)
    file.syncSync()
    file.close()
  })
  expect(cluster.ask(send("orders", 0))).toMatchObject({
    code: 1,
    remark: expect.stringContaining(`had ${next} messages when the store was closed`) as string,
  })
})

const ends = (disk: Disk): QueueEnds.QueueEnds => QueueEnds.decode(readWhole(disk, `${root}/gantry.queues`)!)!

it("P2: offsets of messages that are not in the log any more stay used when their queue is lost", () => {
  const { cluster, known } = used(6, "stop")
  const { next } = known.queues.find(({ topic }) => topic === "again")!
  cluster.start({}, {}, (disk) => {
    const all = ends(disk)
    // As if retention had taken every message of a queue, and somebody its folder.
    all.set("gone", [7])
    replaceWhole(disk, root, "gantry.queues", QueueEnds.encode(all))
  })
  expect(cluster.broker.state.store.queues.get("gone", 0)).toMatchObject({ maxOffset: 7, nextOffset: 7 })
  cluster.stop()
  cluster.start({}, {}, (disk) => expect(ends(disk).get("gone")).toEqual([7]))
  expect(cluster.broker.state.store.queues.get("gone", 0).nextOffset).toBe(7)
  expect(cluster.ask(send("again", 0)).ext["queueOffset"]).toBe(String(next))
})

it.for(["stop", "kill"] as const)("P9: all of them, deleted after a %s, are rebuilt from the log", (how) => {
  const { cluster, known } = used(3, how)
  expect(Object.values(known).filter(({ length }) => length === 0)).toEqual([])
  cluster.start({}, {}, (disk) => {
    for (const projection of Object.keys(projections)) remove(disk, `${root}/${projection}`)
  })
  expect(knowledgeOf(cluster)).toEqual(known)
  // And they are as good as the first: the next start rests on them.
  cluster.stop()
  cluster.start()
  expect(knowledgeOf(cluster)).toEqual(known)
  const next = known.queues.find(({ topic }) => topic === "orders")!.next
  expect(cluster.ask(send("orders", 0)).ext["queueOffset"]).toBe(String(next))
})
