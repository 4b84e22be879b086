/** What a client tells by diagnostics_channel, and what loading it costs. */
import { execFileSync } from "node:child_process"
import * as diagnostics from "node:diagnostics_channel"
import { expect, it } from "vitest"
import type { Message, OutgoingMessage, SendResult } from "../../../src/client/index.ts"
import { SimCluster } from "./SimCluster.ts"

it("tells of sends, of handlers and of shares, and lets a listener add properties to a message", async () => {
  const told: Array<string> = []
  const listeners: ReadonlyArray<readonly [string, (context: never) => void]> = [
    [
      "tracing:gantry:send:start",
      ({ message }: { message: OutgoingMessage }) => void Object.assign(message.properties!, { traceparent: "00-1" }),
    ],
    ["tracing:gantry:send:asyncEnd", ({ result }: { result: SendResult }) => void told.push(`sent ${result.status}`)],
    [
      "tracing:gantry:consume:start",
      ({ messages }: { messages: ReadonlyArray<Message> }) =>
        void told.push(`handles ${messages[0]!.property("traceparent")}`),
    ],
    ["tracing:gantry:consume:error", ({ error }: { error: Error }) => void told.push(`failed ${error.message}`)],
    [
      "gantry:rebalance",
      ({ topic }: { topic: string }) => {
        if (topic === "orders") told.push("share")
      },
    ],
  ]
  for (const [name, listener] of listeners) diagnostics.subscribe(name, listener as never)
  try {
    const cluster = new SimCluster(81)
    await cluster.settle(cluster.client().producer().send({ body: "x", topic: "orders" }))
    const consumer = cluster.client().consumer({ consumeFromWhere: "first", group: "g", subscriptions: ["orders"] })
    await cluster.settle(consumer.run({ eachMessage: () => Promise.reject(new Error("no")) }))
    expect(await cluster.pass(() => told.length >= 4, 30_000)).toBe(true)
    await cluster.settle(consumer.close())
    expect(told.slice(0, 4)).toEqual(["sent SEND_OK", "share", "handles 00-1", "failed no"])
  } finally {
    for (const [name, listener] of listeners) diagnostics.unsubscribe(name, listener as never)
  }
})

it("loading the SDK loads neither Effect's runtime nor its Schema", () => {
  const entry = new URL("../../../src/client/index.ts", import.meta.url).href
  const script = `
    import { registerHooks } from "node:module"
    const loaded = []
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
    await import(${JSON.stringify(entry)})
    console.log(loaded.filter((url) => /effect\\/dist\\/(Effect|Schema|Layer|Runtime|Fiber)\\.js$/.test(url)).join())`
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" })
  expect(output.trim()).toBe("")
})
