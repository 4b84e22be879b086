import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr })
const producer = gantry.producer()

// Messages of one sharding key go to one queue, in the order in which they are sent.
for (const step of ["created", "paid", "shipped"]) {
  for (const order of ["A", "B"])
    await producer.send({ topic: "order-steps", body: `${order} ${step}`, shardingKey: order })
}

const seen: Array<string> = []
const done = Promise.withResolvers<void>()
const consumer = gantry.consumer({
  group: "warehouse",
  subscriptions: ["order-steps"],
  consumeFromWhere: "first",
  ordered: true,
  suspendCurrentQueueTimeMs: 50,
})
let isFirstTry = true
await consumer.run({
  eachMessage: async (message) => {
    // A failure holds its queue: the next step of this order waits until this one is done.
    if (message.text() === "A paid" && isFirstTry) {
      isFirstTry = false
      throw new Error("the till is closed, again in 50 ms")
    }
    seen.push(message.text())
    if (seen.length === 6) done.resolve()
  },
})
await done.promise
for (const order of ["A", "B"]) console.log(seen.filter((step) => step.startsWith(order)).join(", "))
