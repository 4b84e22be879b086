import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr })
const producer = gantry.producer({ group: "shop" })

const { messageId, queue, queueOffset, status } = await producer.send({
  topic: "orders",
  body: JSON.stringify({ id: 7, total: 19.9 }),
  tags: "paid",
  keys: ["order-7"],
  properties: { region: "eu" },
})
console.log(status, messageId.length, queue.topic, queueOffset >= 0)

// Many at once: they share one connection, and each is stored before its promise is kept.
const results = await Promise.all(
  Array.from({ length: 100 }, (_, id) => producer.send({ topic: "orders", body: `{"id":${id}}` })),
)
console.log(results.length, "stored")

// Logs and metrics that may be lost: no answer is waited for.
await producer.sendOneway({ topic: "clicks", body: "button" })
console.log("sent")
