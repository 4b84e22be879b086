/**
 * An ordered group of Gantry's consumers on a simulated cluster, and its trace: members join and leave, fail, sleep
 * beyond their leases, and die; the broker is restarted.
 */
import { SimCluster } from "./SimCluster.ts"
import type { Consumer } from "../../../src/client/index.ts"
import type { OrderedEvent, OrderedView } from "../../../spec/ordered/trace.ts"

export interface Recorded {
  readonly trace: ReadonlyArray<OrderedEvent>
  readonly view: OrderedView
}

export type Trouble = "leaves" | "sleeps" | "dies" | "restart" | "fails"

const topic = "steps"
const group = "ledger"
const count = 24

/** The same seed gives the same run. */
export const runOrdered = async (seed: number, troubles: ReadonlyArray<Trouble>): Promise<Recorded> => {
  const trace: Array<OrderedEvent> = []
  const cluster = new SimCluster(seed, ["broker-a"], {}, {}, (event) => void trace.push(event))
  const note = (action: string, fields: OrderedEvent["fields"]): void =>
    void trace.push({ action, atMs: cluster.world.sim.nowMs, fields })
  const sender = cluster.client()
  await cluster.settle(sender.admin().createTopic({ queues: 1, topic }))
  const producer = sender.producer()
  for (let i = 0; i < count; i++) await cluster.settle(producer.send({ body: `${i}`, topic }))
  const settled = new Set<string>()
  const failed = new Set<string>()
  const later = (ms: number): Promise<void> => new Promise((resolve) => void cluster.world.sim.after(ms, resolve))
  const join = async (): Promise<{ readonly consumer: Consumer; readonly clientId: string; readonly node: string }> => {
    const gantry = cluster.client()
    const consumer = gantry.consumer({
      consumeFromWhere: "first",
      group,
      ordered: true,
      subscriptions: [topic],
      suspendCurrentQueueTimeMs: 50,
    })
    const run = consumer.run({
      eachMessage: async (message) => {
        await later(300)
        const isFirst = !failed.has(message.text())
        failed.add(message.text())
        if (troubles.includes("fails") && isFirst && Number(message.text()) % 5 === 2) throw new Error("not yet")
        settled.add(message.text())
      },
    })
    await cluster.settle(run)
    return { clientId: gantry.clientId, consumer, node: cluster.world.nodes.at(-1)!.name }
  }
  // Client ids are in the order of joining: by AVG a single queue is the first one's.
  const members = [await join(), await join()]
  const ownerOf = () => members.find(({ consumer }) => consumer.assigned.some((queue) => queue.topic === topic))
  await cluster.pass(() => settled.size >= 3, 30_000)
  for (const trouble of troubles) {
    const before = settled.size
    const owner = ownerOf()
    if (owner !== undefined && trouble === "leaves") {
      await cluster.settle(owner.consumer.close())
      members.splice(members.indexOf(owner), 1, await join())
    }
    if (owner !== undefined && trouble === "sleeps") {
      cluster.node(owner.node).pause()
      await cluster.pass(() => settled.size > before + 1, 240_000)
      cluster.node(owner.node).resume()
    }
    if (owner !== undefined && trouble === "dies") {
      cluster.node(owner.node).crash()
      note("Crash", { clientId: owner.clientId })
      members.splice(members.indexOf(owner), 1, await join())
    }
    if (trouble === "restart") {
      cluster.node("broker-a").crash()
      note("Restart", {})
      cluster.restart("broker-a")
    }
    await cluster.pass(() => settled.size > before + 3, 300_000)
  }
  await cluster.pass(() => settled.size === count, 600_000)
  if (settled.size < count) throw new Error(`seed ${seed}: ${settled.size} of ${count} messages were handled`)
  await cluster.wait(6_000)
  return { trace, view: { group, last: count, queueId: 0, topic } }
}
