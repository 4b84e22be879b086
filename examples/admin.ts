import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr })
const admin = gantry.admin()

for (const { addresses, brokerName } of await admin.brokers()) console.log(brokerName, addresses.size)
await admin.createTopic({ topic: "invoices", queues: 2 })
await admin.createGroup({ group: "accounting", retryMaxTimes: 3 })
console.log((await admin.topics()).includes("invoices"), (await admin.groups()).includes("accounting"))

const sent = await gantry.producer().send({ topic: "invoices", body: "1", keys: "invoice-1" })
console.log((await admin.message(sent.offsetMessageId))?.text())

{
  await using reader = gantry.pullConsumer({
    group: "accounting",
    subscriptions: ["invoices"],
    consumeFromWhere: "first",
  })
  await reader.poll()
  await reader.commit()
}
const lag = async (): Promise<number> =>
  (await admin.groupProgress("accounting", "invoices")).reduce((sum, progress) => sum + progress.lag, 0)
console.log("lag", await lag())
await admin.resetOffsets({ group: "accounting", topic: "invoices", to: "begin" })
console.log("lag after the reset", await lag())

await admin.deleteGroup("accounting", { removeOffsets: true })
await admin.deleteTopic("invoices")
console.log((await admin.topics()).includes("invoices"))
