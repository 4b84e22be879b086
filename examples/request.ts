import { ConnectionError, Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr })
const producer = gantry.producer()

// Who answers is an ordinary consumer: its group shares the questions among its members.
await gantry.admin().createTopic({ topic: "prices" })
const consumer = gantry.consumer({ group: "pricing", subscriptions: ["prices"], consumeFromWhere: "first" })
await consumer.run({
  eachMessage: async (message) => {
    if (message.wantsReply && message.text() === "apples") await producer.reply(message, "1.20 a pound")
  },
})

const reply = await producer.request({ topic: "prices", body: "apples" }, { timeoutMs: 10_000 })
console.log("apples:", reply.text())

// A question is stored like any message; only the wait for its answer ends.
try {
  await producer.request({ topic: "prices", body: "pears" }, { timeoutMs: 500 })
} catch (error) {
  if (error instanceof ConnectionError) console.log("pears:", error.code)
}
