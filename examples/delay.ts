import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr })
const done = Promise.withResolvers<void>()

const consumer = gantry.consumer({ group: "reminders", subscriptions: ["reminders"], consumeFromWhere: "first" })
await consumer.run({
  eachMessage: async (message) => {
    console.log(message.text(), "after a second:", Date.now() - message.bornTimestamp >= 1_000)
    done.resolve()
  },
})

// Level 1 is 1 s, 2 is 5 s, 3 is 10 s … 18 is 2 h. The broker keeps the message until then, over restarts too.
await gantry.producer().send({ topic: "reminders", body: "your basket is waiting", delayLevel: 1 })
await done.promise
