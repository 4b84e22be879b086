/** Health and readiness over HTTP, on simulated machines. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { makeSimWorld, type SimNode } from "../../src/infra/world/SimWorld.ts"
import type { World } from "../../src/infra/world/World.ts"
import * as NameServer from "../../src/node/nameserver/NameServer.ts"
import * as NamesrvConfig from "../../src/node/nameserver/NamesrvConfig.ts"
import { createTopic, OneBroker, send } from "./cluster.ts"

const http = { httpAddress: "0.0.0.0", httpPort: 8080 }

/** GETs a page: what comes back, as it comes. */
const get = (from: World, host: string, path: string) => {
  const seen = { refused: false, text: "" }
  from.network.connect(
    { host, port: http.httpPort },
    1000,
    (connection) => {
      connection.write(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`))
      return { onClose: () => {}, onData: (chunk) => (seen.text += chunk.toString()), onDrain: () => {} }
    },
    () => (seen.refused = true),
  )
  return seen
}

const statusOf = ({ text }: { readonly text: string }): string =>
  `${/^HTTP\/1.1 (?<code>\d+)/.exec(text)?.groups?.["code"]} ${/"status":"(?<status>\w+)"/.exec(text)?.groups?.["status"]}`

const begin = (): { readonly cluster: OneBroker; readonly prober: SimNode } => {
  const cluster = new OneBroker(1, http)
  return { cluster, prober: cluster.world.node("prober", "10.0.9.1") }
}

describe("health of a broker", () => {
  it("is told: ready when it serves, and measured under RocketMQ's names", () => {
    const { cluster, prober } = begin()
    cluster.ask(createTopic("t"))
    cluster.ask(send("t", 0))
    const pages = ["/healthz", "/readyz", "/metrics"].map((path) => get(prober.world, "10.0.1.1", path))
    cluster.world.sim.runFor(1000)
    expect(pages.slice(0, 2).map(statusOf)).toEqual(["200 ready", "200 ready"])
    expect(pages[2]!.text).toContain(
      'rocketmq_messages_in_total{cluster="DefaultCluster",node_id="broker-a",node_type="broker",is_system="false",topic="t"} 1\n',
    )
    expect(pages[2]!.text).toMatch(/# TYPE rocketmq_storage_size gauge\n/)
  })

  it("a store that failed: neither healthy nor ready, with the reason", () => {
    const { cluster, prober } = begin()
    cluster.ask(createTopic("t"))
    cluster.diskWeather.faults = {
      strike: ({ operation }) => (operation === "sync" ? { kind: "fail", reason: "Io" } : undefined),
    }
    cluster.tell(send("t", 0))
    cluster.world.sim.runFor(5000)
    const pages = ["/healthz", "/readyz"].map((path) => get(prober.world, "10.0.1.1", path))
    cluster.world.sim.runFor(1000)
    expect(pages.map(statusOf)).toEqual(["503 failed", "503 failed"])
    expect(pages[0]!.text).toContain('"reason":"')
  })

  it("at its end it is not ready first, healthy to the last, and then gone", () => {
    const { cluster, prober } = begin()
    const { sim } = cluster.world
    // A slow disk keeps it from ending at once.
    cluster.ask(createTopic("t"))
    cluster.diskWeather.syncDelayMs = 2000
    cluster.tell(send("t", 0))
    const before = get(prober.world, "10.0.1.1", "/readyz")
    sim.runFor(100)
    const during: Array<{ readonly text: string }> = []
    prober.world.clock.after(500, () =>
      during.push(...["/readyz", "/healthz"].map((path) => get(prober.world, "10.0.1.1", path))),
    )
    cluster.stop()
    expect([statusOf(before), ...during.map(statusOf)]).toEqual(["200 ready", "503 stopping", "200 stopping"])
    const after = get(prober.world, "10.0.1.1", "/healthz")
    sim.runFor(2000)
    expect(after.refused).toBe(true)
  })

  it("is not told at all unless a port is named", () => {
    const cluster = new OneBroker(1)
    const prober = cluster.world.node("prober", "10.0.9.1")
    const page = get(prober.world, "10.0.1.1", "/healthz")
    cluster.world.sim.runFor(2000)
    expect(page.refused).toBe(true)
  })
})

const start = () => {
  const cluster = makeSimWorld(1)
  const node = cluster.node("namesrv", "10.0.0.1")
  const config = { ...NamesrvConfig.defaults("/home"), ...http, bindAddress: "10.0.0.1" }
  const prober = cluster.node("prober", "10.0.9.1")
  const run = Effect.runForkWith(node.world.context)
  return { cluster, config, node, prober, run }
}

describe("health of a name server", () => {
  it("is told: ready when it serves, with the number of its brokers", () => {
    const { cluster, config, node, prober, run } = start()
    const fiber = run(Effect.scoped(Effect.andThen(NameServer.make(config, node.world), Effect.never)))
    cluster.sim.runFor(100)
    const pages = ["/healthz", "/readyz", "/metrics"].map((path) => get(prober.world, "10.0.0.1", path))
    cluster.sim.runFor(1000)
    expect(pages.slice(0, 2).map(statusOf)).toEqual(["200 ready", "200 ready"])
    expect(pages[2]!.text).toContain("gantry_namesrv_brokers 0\n")
    fiber.interruptUnsafe()
    cluster.sim.runFor(1000)
    const after = get(prober.world, "10.0.0.1", "/healthz")
    cluster.sim.runFor(2000)
    expect(after.refused).toBe(true)
  })

  it("a port that is taken keeps it from starting, in a sentence", () => {
    const { cluster, config, node, run } = start()
    let told: unknown
    const twice = Effect.all([
      NameServer.make(config, node.world),
      NameServer.make({ ...config, listenPort: 1 }, node.world),
    ])
    run(Effect.scoped(twice.pipe(Effect.catch((error) => Effect.sync(() => (told = error))))))
    cluster.sim.runFor(1000)
    expect(String(told)).toMatch(/Health cannot be told on 0\.0\.0\.0:8080: .*Set httpAddress and httpPort\./)
  })
})
