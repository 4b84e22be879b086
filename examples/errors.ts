import { BrokerError, Gantry, GantryError } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr })

const attempt = async (what: string, operation: () => Promise<unknown>): Promise<void> => {
  try {
    await operation()
  } catch (error) {
    if (!(error instanceof GantryError)) throw error
    console.log(`${what}: ${error.code}, ${error.retriable ? "try again" : "mend the call"}`)
    if (error instanceof BrokerError) console.log("the broker said:", error.remark)
  }
}

const producer = gantry.producer()
await attempt("no body", () => producer.send({ topic: "orders", body: "" }))
await attempt("no such queue", () =>
  producer.send({ topic: "orders", body: "x" }, { queue: { topic: "orders", brokerName: "nowhere", queueId: 0 } }),
)
await attempt("no such topic", () => gantry.admin().topicOffsets("never-made"))

await using lost = new Gantry({ namesrvAddr: "127.0.0.1:1" })
await attempt("no name server", () => lost.producer().send({ topic: "orders", body: "x" }))

// Any call can be given up on: by time, or by a signal, whose reason is what it rejects with.
const controller = new AbortController()
const sending = producer.send({ topic: "orders", body: "x" }, { signal: controller.signal, timeoutMs: 1_000 })
controller.abort(new Error("the user went away"))
console.log(await sending.catch((error: Error) => error.message))
