import * as diagnostics from "node:diagnostics_channel"
import { Gantry, type Message, type OutgoingMessage, type SendResult } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"

// Tracing channels gantry:send, gantry:sendBatch, gantry:sendOneway and gantry:consume; channels gantry:rebalance and
// gantry:connect. A listener may add properties to a message before it goes out: that is how a trace travels along.
diagnostics.subscribe("tracing:gantry:send:start", (context) => {
  const { message } = context as { message: OutgoingMessage }
  Object.assign(message.properties!, { traceparent: "00-4bf92f3577b34da6-00f067aa0ba902b7-01" })
})
diagnostics.subscribe("tracing:gantry:send:asyncEnd", (context) => {
  console.log("sent:", (context as { result?: SendResult }).result?.status)
})
diagnostics.subscribe("tracing:gantry:consume:start", (context) => {
  const { messages } = context as { messages: ReadonlyArray<Message> }
  console.log("consumes under", messages[0]?.property("traceparent"))
})

// Logs go where you say: console and most loggers fit as they are, false silences, nothing is ever written to a file.
const log = { debug: () => {}, info: () => {}, warn: console.warn, error: console.error }
await using gantry = new Gantry({ namesrvAddr, log })
const done = Promise.withResolvers<void>()
const consumer = gantry.consumer({ group: "traced", subscriptions: ["traced"], consumeFromWhere: "first" })
await consumer.run({ eachMessage: async () => done.resolve() })
await gantry.producer().send({ topic: "traced", body: "hello" })
await done.promise
