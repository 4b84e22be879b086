import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr })
const admin = gantry.admin()
await admin.createTopic({ topic: "temperatures", queues: 1 })
const producer = gantry.producer()

let got: Array<string> = []
let wanted = 3
let enough = Promise.withResolvers<void>()
const consumer = gantry.consumer({ group: "charts", subscriptions: ["temperatures"], consumeFromWhere: "first" })
await consumer.run({
  eachMessage: async (message) => {
    got.push(message.text())
    if (got.length === wanted) enough.resolve()
  },
})
await producer.send({ topic: "temperatures", body: "monday" })
await new Promise((resolve) => setTimeout(resolve, 20))
const tuesdayMs = Date.now()
await new Promise((resolve) => setTimeout(resolve, 20))
for (const body of ["tuesday", "wednesday"]) await producer.send({ topic: "temperatures", body })
await enough.promise
console.log("first:", got.toSorted().join(", "))

// Another group starts where this one is, as soon as the last message counts as consumed.
const lag = async () => (await admin.groupProgress("charts", "temperatures"))[0]?.lag
for (await consumer.commit(); (await lag()) !== 0;) await consumer.commit()
await admin.createGroup({ group: "archive" })
await admin.cloneOffsets({ from: "charts", to: "archive", topic: "temperatures" })
const [progress] = await admin.groupProgress("archive", "temperatures")
console.log("archive is at", progress?.consumerOffset, "and", progress?.lag, "behind")

// Back to a moment, while the consumer is at work: what was stored since comes again.
got = []
wanted = 2
enough = Promise.withResolvers()
await admin.resetOffsets({ group: "charts", topic: "temperatures", to: { timestampMs: tuesdayMs } })
await enough.promise
console.log("again:", got.toSorted().join(", "))
