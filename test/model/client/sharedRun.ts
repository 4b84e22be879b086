/**
 * A group of Gantry's consumers on a simulated cluster, and its trace: members join, leave and die, and the broker is
 * restarted, while messages come.
 */
import type { RebalanceEvent, RebalanceView } from "../../../spec/rebalance/trace.ts"
import type { Consumer } from "../../../src/client/index.ts"
import { SimCluster } from "./SimCluster.ts"

export interface Recorded {
  readonly trace: ReadonlyArray<RebalanceEvent>
  readonly view: RebalanceView
}

const topic = "parts"
const group = "workers"
const queues = 4

/** The same seed gives the same run. */
export const runShared = async (seed: number, restarts: boolean): Promise<Recorded> => {
  const trace: Array<RebalanceEvent> = []
  const cluster = new SimCluster(seed, ["broker-a"], {}, {}, (event) => void trace.push(event))
  const note = (action: string, fields: RebalanceEvent["fields"]): void => void trace.push({ action, fields })
  const sender = cluster.client()
  await cluster.settle(sender.admin().createTopic({ queues, topic }))
  const producer = sender.producer()
  let sent = 0
  const send = async (count: number): Promise<void> => {
    for (const end = sent + count; sent < end; sent++) {
      const queue = { brokerName: "broker-a", queueId: sent % queues, topic }
      await cluster.settle(producer.send({ body: `${sent}`, topic }, { queue }))
    }
  }
  const done = new Set<string>()
  const later = (ms: number): Promise<void> => new Promise((resolve) => void cluster.world.sim.after(ms, resolve))
  const join = async (): Promise<{ readonly consumer: Consumer; readonly clientId: string; readonly node: string }> => {
    const gantry = cluster.client()
    const consumer = gantry.consumer({
      concurrency: 3,
      consumeFromWhere: "first",
      group,
      rebalanceStrategy: "AVG_BY_CIRCLE",
      subscriptions: [topic],
    })
    await cluster.settle(
      consumer.run({
        eachMessage: async (message) => {
          await later(20 + ((message.queueOffset * 37) % 300))
          done.add(message.text())
        },
      }),
    )
    return { clientId: gantry.clientId, consumer, node: cluster.world.nodes.at(-1)!.name }
  }
  await send(8)
  const first = await join()
  await cluster.wait(300)
  await join()
  await send(8)
  await cluster.wait(1_500)
  if (restarts) {
    cluster.node("broker-a").crash()
    note("Restart", {})
    cluster.restart("broker-a")
    await cluster.wait(3_000)
  }
  const third = await join()
  await send(4)
  await cluster.wait(200)
  await cluster.settle(first.consumer.close())
  await cluster.wait(200)
  cluster.node(third.node).crash()
  note("Crash", { clientId: third.clientId, group })
  await send(4)
  if (!(await cluster.pass(() => done.size === sent, 300_000)))
    throw new Error(`seed ${seed}: ${done.size} of ${sent} messages were handled`)
  await cluster.wait(6_000)
  return { trace, view: { group, length: Math.ceil(sent / queues), queues, topic } }
}
