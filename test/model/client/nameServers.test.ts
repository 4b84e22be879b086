/** Where a client finds its name servers. */
import { expect, it } from "vitest"
import { ArgumentError, Gantry, type GantryOptions } from "../../../src/client/index.ts"
import { find } from "../../../src/client/core/NameServerSource.ts"
import { makeFixedEnvironment } from "../../../src/infra/environment/Environment.ts"
import { SimCluster, namesrvAddr } from "./SimCluster.ts"

const inCode = { namesrvAddr: "10.1.0.1:1" }
const inProperty = { properties: { "rocketmq.namesrv.addr": "10.1.0.2:2" } }
const propertyVariable = { "rocketmq.namesrv.addr": "10.1.0.3:3" }
const variable = { NAMESRV_ADDR: "10.1.0.4:4" }
const endpoint = { namesrvEndpoint: "http://names.example/addresses" }
const domain = { "rocketmq.namesrv.domain": "names.example" }

const portOf = (options: GantryOptions, variables: Readonly<Record<string, string>>): number | string | undefined => {
  const source = find(options, makeFixedEnvironment({ variables }))
  return source._tag === "Addresses" ? source.addresses[0]!.port : source._tag === "Endpoint" ? source.url : undefined
}

it("precedence: code, property, environment, HTTP endpoint", () => {
  const all = { ...propertyVariable, ...variable, ...domain }
  expect(portOf({ ...inCode, ...inProperty, ...endpoint }, all)).toBe(1)
  expect(portOf({ ...inProperty, ...endpoint }, all)).toBe(2)
  expect(portOf(endpoint, all)).toBe(3)
  expect(portOf(endpoint, { ...variable, ...domain })).toBe(4)
  expect(portOf(endpoint, domain)).toBe("http://names.example/addresses")
  expect(portOf({}, domain)).toBe("http://names.example:8080/rocketmq/nsaddr")
  expect(portOf({}, {})).toBeUndefined()
  expect(portOf({ namesrvAddr: "" }, variable)).toBe(4)
})

it("the endpoint of a domain has RocketMQ's form", () => {
  const properties = { "rocketmq.namesrv.domain": "names.example:9000", "rocketmq.namesrv.domain.subgroup": "east" }
  expect(portOf({ properties }, {})).toBe("http://names.example:9000/rocketmq/east")
  expect(portOf({ properties, unitName: "u1" }, {})).toBe("http://names.example:9000/rocketmq/east-u1?nofix=1")
})

it("takes lists, and says which entry is none", () => {
  const source = find({ namesrvAddr: ["10.1.0.1:1", "http://10.1.0.2:2"] }, makeFixedEnvironment())
  expect(source).toMatchObject({
    addresses: [
      { host: "10.1.0.1", port: 1 },
      { host: "10.1.0.2", port: 2 },
    ],
  })
  expect(() => new Gantry({ namesrvAddr: "10.1.0.1:1;nowhere" })).toThrow(ArgumentError)
  expect(() => new Gantry({ namesrvAddr: "10.1.0.1:1;nowhere" })).toThrow('namesrvAddr says "nowhere"')
  expect(() => portOf({}, { NAMESRV_ADDR: ";" })).toThrow("the variable NAMESRV_ADDR names no name server")
})

it("all: goes on to the next name server when one does not answer, and stays with it", async () => {
  const cluster = new SimCluster(71)
  const producer = cluster
    .client({ namesrvAddr: `10.0.9.1:9876;10.0.9.2:9876;${namesrvAddr}` })
    .producer({ sendMsgTimeoutMs: 20_000 })
  expect((await cluster.settle(producer.send({ body: "x", topic: "orders" }))).status).toBe("SEND_OK")
  const beganMs = cluster.world.sim.nowMs
  expect((await cluster.settle(producer.send({ body: "x", topic: "other" }))).status).toBe("SEND_OK")
  expect(cluster.world.sim.nowMs - beganMs).toBeLessThan(1_000)
})

it("refresh: reads the endpoint's page before the first question and every two minutes, and keeps what it knew", async () => {
  const cluster = new SimCluster(72)
  const pages = new Map([[endpoint.namesrvEndpoint, `${namesrvAddr}\nanything else`]])
  const { world } = cluster.world.node("reader", "10.0.4.1")
  const environment = makeFixedEnvironment({ pages, soon: world.clock.soon })
  const gantry = new Gantry({ ...endpoint, environment, world })
  const producer = gantry.producer({ sendMsgTimeoutMs: 20_000 })
  expect((await cluster.settle(producer.send({ body: "x", topic: "orders" }))).status).toBe("SEND_OK")
  pages.delete(endpoint.namesrvEndpoint)
  await cluster.wait(15_000)
  expect(cluster.logs.some(({ message }) => message === "the page of name servers could not be read")).toBe(true)
  expect((await cluster.settle(producer.send({ body: "x", topic: "two" }))).status).toBe("SEND_OK")
  pages.set(endpoint.namesrvEndpoint, "10.0.9.9:9876")
  await cluster.wait(121_000)
  await expect(cluster.settle(producer.send({ body: "x", topic: "three" }))).rejects.toMatchObject({
    code: "NAME_SERVER_UNREACHABLE",
  })
})

it("an endpoint that cannot be read at all is told", async () => {
  const cluster = new SimCluster(73)
  const { world } = cluster.world.node("reader", "10.0.4.1")
  const producer = new Gantry({ ...endpoint, world }).producer()
  await expect(cluster.settle(producer.send({ body: "x", topic: "orders" }))).rejects.toMatchObject({
    code: "NAME_SERVER_UNREACHABLE",
    retriable: true,
  })
})
