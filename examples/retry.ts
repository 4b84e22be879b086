import { Gantry, RetryLater } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr, log: false })
const producer = gantry.producer()
for (const body of ["fine", "flaky", "broken"]) await producer.send({ topic: "jobs", body })

const done = Promise.withResolvers<void>()
let left = 3
const ended = (): void => {
  if (--left === 0) done.resolve()
}

const worker = gantry.consumer({
  group: "workers",
  subscriptions: ["jobs"],
  consumeFromWhere: "first",
  maxReconsumeTimes: 5,
})
await worker.run({
  eachMessage: async (message, { deadLetter }) => {
    // Nobody can ever handle this one: out of the way, to the dead letters of the group.
    if (message.text() === "broken") return deadLetter(message)
    // Not now: again after the delay of level 1. Any other error leaves the delay to the broker, longer each time.
    if (message.text() === "flaky" && message.reconsumeTimes === 0) throw new RetryLater("busy", { delayLevel: 1 })
    console.log(message.text(), "handled at attempt", message.reconsumeTimes + 1)
    ended()
  },
})

const undertaker = gantry.consumer({ group: "undertaker", subscriptions: ["%DLQ%workers"], consumeFromWhere: "first" })
await undertaker.run({
  eachMessage: async (message) => {
    console.log(message.text(), "is a dead letter")
    ended()
  },
})
await done.promise
