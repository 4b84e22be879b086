import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr })
const producer = gantry.producer()
const [queue] = await producer.queues("readings")
for (let i = 0; i < 10; i++) await producer.send({ topic: "readings", body: `${i}` }, { queue: queue! })

{
  // A message counts as done when the next one is asked for. The one at which the loop is left comes again, unless it is
  // committed.
  await using reader = gantry.pullConsumer({ group: "reports", subscriptions: ["readings"], consumeFromWhere: "first" })
  let sum = 0
  for await (const message of reader) {
    sum += Number(message.text())
    if (message.text() === "4") {
      await reader.commit()
      break
    }
  }
  console.log("sum of the first five:", sum)
}
{
  // Another one of the group goes on from there, in batches.
  await using reader = gantry.pullConsumer({ group: "reports", subscriptions: ["readings"], pullBatchSize: 32 })
  const batch = await reader.poll({ max: 3 })
  console.log("then:", batch.map((message) => message.text()).join())
}
{
  // Queues of one's own choice, from a place of one's own choice.
  await using reader = gantry.pullConsumer({ group: "auditors" })
  reader.assign([queue!])
  await reader.seek(queue!, 8)
  console.log("from 8:", (await reader.poll()).map((message) => message.text()).join())
  const page = await reader.fetch(queue!, 0, { max: 2 })
  console.log(
    "page:",
    page.messages.map((message) => message.text()).join(),
    "next",
    page.nextOffset,
    "of",
    page.maxOffset,
  )
}
