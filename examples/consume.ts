import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr })
const done = Promise.withResolvers<void>()

const consumer = gantry.consumer({
  group: "billing",
  subscriptions: [{ topic: "payments", tags: ["paid", "refunded"] }],
  consumeFromWhere: "first",
  concurrency: 50,
})
await consumer.run({
  // Done when its promise is kept; what it throws brings the message again, later, up to 16 times.
  eachMessage: async (message) => {
    const { id } = message.json<{ id: number }>()
    console.log("paid", id, message.keys.join())
    done.resolve()
  },
})

const producer = gantry.producer()
await producer.send({ topic: "payments", body: '{"id":1}', tags: "open" })
await producer.send({ topic: "payments", body: '{"id":2}', tags: "paid", keys: "order-2" })
await done.promise
// Leaving the block closes everything: handlers end, progress is committed, the group learns of it.
