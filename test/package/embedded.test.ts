/** The cluster inside a test's own process, as its users meet it. */
import { spawnSync } from "node:child_process"
import * as net from "node:net"
import * as path from "node:path"
import { test as base, describe, expect, it } from "vitest"
import { clusterFixture, type EmbeddedCluster, startCluster } from "../../src/embedded/index.ts"
import * as Admin from "../../src/format/Admin.ts"
import type { Command } from "../../src/format/Command.ts"
import * as ConfigJson from "../../src/format/ConfigJson.ts"
import { Malformed } from "../../src/format/Malformed.ts"
import * as NameServer from "../../src/format/NameServer.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import * as SendMessage from "../../src/format/SendMessage.ts"
import * as PeerAddress from "../../src/infra/remoting/PeerAddress.ts"
import { RemotingClient } from "../../src/infra/remoting/RemotingClient.ts"
import { makeNodeWorld } from "../../src/infra/world/NodeWorld.ts"

const root = path.join(import.meta.dirname, "../..")

/** Asks one question on a connection of its own. */
const ask = (address: string, code: number, ext: object = {}, body?: Buffer): Promise<Command> => {
  const client = new RemotingClient(makeNodeWorld())
  return new Promise<Command>((resolve, reject) => {
    const request = { code, ext: { ...ext }, ...(body === undefined ? {} : { body }) }
    client.ask(PeerAddress.parse(address)!, request, 5000, (outcome) =>
      outcome instanceof Error ? reject(outcome) : resolve(outcome),
    )
  }).finally(() => client.close())
}

/** Sends one message; answers its place in queue 0. */
const send = async (cluster: EmbeddedCluster, topic: string): Promise<number> => {
  const ext = SendMessage.SendMessage.encode({
    bornTimestamp: 1_750_000_000_000,
    defaultTopic: "TBW102",
    defaultTopicQueueNums: 4,
    flag: 0,
    producerGroup: "senders",
    queueId: 0,
    sysFlag: 0,
    topic,
  })
  const {
    code,
    ext: answer,
    remark,
  } = await ask(cluster.brokerAddr, RequestCode.SEND_MESSAGE, ext, Buffer.from("hello"))
  if (code !== ResponseCode.SUCCESS) throw new Error(remark)
  return Number(answer["queueOffset"])
}

const isRouted = async (cluster: EmbeddedCluster, topic: string): Promise<boolean> => {
  const ext = NameServer.GetRouteInfo.encode({ topic })
  const { code } = await ask(cluster.namesrvAddr, RequestCode.GET_ROUTEINFO_BY_TOPIC, ext)
  return code === ResponseCode.SUCCESS
}

const groupsOf = async (cluster: EmbeddedCluster): Promise<ReadonlyArray<string>> => {
  const { body } = await ask(cluster.brokerAddr, RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG)
  const groups = ConfigJson.SubscriptionGroups.decode(body)
  if (groups instanceof Malformed) throw groups
  return [...groups.subscriptionGroupTable.keys()]
}

const wrong = (settings: object): Promise<unknown> => startCluster({ settings })

describe("startCluster", () => {
  it("is ready when it answers: both servers listen, and the broker is registered", async () => {
    await using cluster = await startCluster()
    expect(await isRouted(cluster, "TBW102")).toBe(true)
    expect(await send(cluster, "orders")).toBe(0)
    expect(await send(cluster, "orders")).toBe(1)
    for (const address of [cluster.namesrvAddr, cluster.brokerAddr]) expect(address).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  it("takes the ports that it is given, and says which is not free", async () => {
    await using first = await startCluster()
    const port = PeerAddress.parse(first.namesrvAddr)!.port
    const failed = startCluster({ brokerPort: port, namesrvPort: port })
    await expect(failed).rejects.toMatchObject({
      name: "PortsTaken",
      problems: [
        { reason: "AddressInUse", which: "namesrv" },
        { reason: "AddressInUse", which: "broker" },
      ],
    })
    await first.close()
    await using second = await startCluster({ namesrvPort: port })
    expect(second.namesrvAddr).toBe(first.namesrvAddr)
    expect(await send(second, "orders")).toBe(0)
  })

  it("takes settings by RocketMQ's names, and refuses what no broker knows", async () => {
    await using cluster = await startCluster({ settings: { autoCreateTopicEnable: false, maxMessageSize: 65_536 } })
    await expect(send(cluster, "orders")).rejects.toThrow(/topic\[orders\] not exist/)
    await expect(wrong({ autoCreateTopicEnabled: false })).rejects.toThrow("Did you mean autoCreateTopicEnable?")
    await expect(wrong({ maxMessageSize: "1k" })).rejects.toThrow("maxMessageSize is a number, not string: 1k.")
    await expect(wrong({ listenPort: 1 })).rejects.toThrow("The setting listenPort is the cluster's own")
  })

  it("many live side by side and know nothing of each other", async () => {
    await using clusters = new AsyncDisposableStack()
    const all = await Promise.all(Array.from({ length: 20 }, () => startCluster()))
    for (const cluster of all) clusters.use(cluster)
    expect(new Set(all.flatMap(({ brokerAddr, namesrvAddr }) => [brokerAddr, namesrvAddr])).size).toBe(40)
    await all[0]!.createTopic("only-here")
    expect(await Promise.all(all.map((cluster) => isRouted(cluster, "only-here")))).toEqual(
      all.map((_, index) => index === 0),
    )
    expect(await Promise.all(all.map((cluster) => send(cluster, "orders")))).toEqual(all.map(() => 0))
  })
})

describe("client", () => {
  it("is an SDK object for this cluster, one of several", async () => {
    await using cluster = await startCluster()
    const first = cluster.client()
    const second = cluster.client({ instanceName: "mine" })
    expect([first.clientId, second.clientId]).toEqual(["127.0.0.1@embedded-1", "127.0.0.1@mine"])
    const producer = first.producer()
    const sent = await producer.send({ body: "hello", topic: "orders" })
    expect(sent).toMatchObject({ queue: { topic: "orders" }, queueOffset: 0, status: "SEND_OK" })
    await cluster.reset()
    expect((await producer.send({ body: "hello", topic: "orders" })).queueOffset).toBe(0)
  })

  it("ends with its cluster", async () => {
    const cluster = await startCluster()
    const client = cluster.client()
    const producer = client.producer()
    await producer.send({ body: "hello", topic: "orders" })
    await cluster.close()
    await expect(producer.send({ body: "hello", topic: "orders" })).rejects.toMatchObject({ code: "CLOSED" })
    expect(() => cluster.client()).toThrow("The cluster is closed")
  })
})

describe("createTopic", () => {
  it("answers when clients can find the topic, with its queues", async () => {
    await using cluster = await startCluster({ settings: { autoCreateTopicEnable: false } })
    await cluster.createTopic("orders", { attributes: { "message.type": "FIFO" }, queues: 3 })
    expect(await isRouted(cluster, "orders")).toBe(true)
    const ext = Admin.GetTopicConfig.encode({ topic: "orders" })
    const { body } = await ask(cluster.brokerAddr, RequestCode.GET_TOPIC_CONFIG, ext)
    expect(ConfigJson.TopicConfig.decode(body)).toMatchObject({
      attributes: { "message.type": "FIFO" },
      readQueueNums: 3,
      writeQueueNums: 3,
    })
    await cluster.createTopic("orders", { queues: 5 })
    expect(await send(cluster, "orders")).toBe(0)
  })

  it("says why a topic is not made", async () => {
    await using cluster = await startCluster()
    await expect(cluster.createTopic("no blanks")).rejects.toMatchObject({
      message: expect.stringMatching(/^The topic "no blanks" was not made: .*illegal/),
      name: "TopicRefused",
    })
  })
})

describe("reset", () => {
  it("leaves no topic, group or message, and the addresses as they were", async () => {
    await using cluster = await startCluster()
    const addresses = [cluster.namesrvAddr, cluster.brokerAddr]
    await cluster.createTopic("orders")
    await send(cluster, "orders")
    const group = ConfigJson.GroupConfig.encode({ groupName: "billing" } as never)
    await ask(cluster.brokerAddr, RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, {}, group)
    expect(await groupsOf(cluster)).toContain("billing")
    await cluster.reset()
    expect([cluster.namesrvAddr, cluster.brokerAddr]).toEqual(addresses)
    expect(await isRouted(cluster, "orders")).toBe(false)
    expect(await groupsOf(cluster)).not.toContain("billing")
    expect(await send(cluster, "orders")).toBe(0)
  })

  it("several at once come one after another, and what is asked meanwhile waits", async () => {
    await using cluster = await startCluster()
    const resets = [cluster.reset(), cluster.reset()]
    await Promise.all([...resets, cluster.createTopic("orders")])
    expect(await isRouted(cluster, "orders")).toBe(true)
  })
})

describe("close", () => {
  it("frees the ports, may be called again, and ends what waits", async () => {
    const cluster = await startCluster()
    const port = PeerAddress.parse(cluster.brokerAddr)!.port
    const reset = cluster.reset()
    await Promise.all([cluster.close(), cluster.close(), reset])
    expect(() => cluster.reset()).toThrow("The cluster is closed")
    await expect(cluster.createTopic("orders")).rejects.toThrow("The cluster is closed")
    const server = net.createServer()
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve))
    await new Promise((resolve) => server.close(resolve))
  })

  it("leaves nothing that holds the process, although clients were still there", () => {
    const script = `
      import * as net from "node:net"
      import { startCluster } from "./src/embedded/index.ts"
      const clusters = await Promise.all([1, 2, 3].map(() => startCluster()))
      for (const cluster of clusters) {
        const [host, port] = cluster.brokerAddr.split(":")
        await new Promise((resolve) => net.connect(Number(port), host, resolve).on("error", () => {}))
        await cluster.createTopic("orders")
        await cluster.reset()
        await cluster.close()
      }
      await new Promise((resolve) => setImmediate(resolve))
      const left = process.getActiveResourcesInfo().filter((name) => !/^(Pipe|TTY|FSReq)/.test(name))
      console.log(JSON.stringify(left))`
    const ended = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: root,
      encoding: "utf8",
      timeout: 30_000,
    })
    expect(ended).toMatchObject({ signal: null, status: 0, stderr: "", stdout: "[]\n" })
  })
})

const perTest = base.extend<{ cluster: EmbeddedCluster }>({ cluster: clusterFixture() })
const perFile = base.extend<{ shared: EmbeddedCluster }>({
  shared: [clusterFixture({ settings: { defaultTopicQueueNums: 2 } }), { scope: "file" }],
})
const seen = new Set<string>()

describe("clusterFixture", () => {
  perTest("starts a cluster for a test", async ({ cluster }) => {
    expect(await send(cluster, "orders")).toBe(0)
  })
  perFile("keeps one for a file", async ({ shared }) => {
    expect(await send(shared, "orders")).toBe(0)
    seen.add(shared.namesrvAddr)
  })
  perFile("and gives it to the next test", async ({ shared }) => {
    expect(await send(shared, "orders")).toBe(1)
    seen.add(shared.namesrvAddr)
    expect(seen.size).toBe(1)
  })
})
