import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr })
const done = Promise.withResolvers<void>()

// The broker looks at the properties, so that what is not wanted never travels. A broker of your own needs
// enablePropertyFilter=true for it; `gantry dev` and clusters in tests have it.
const consumer = gantry.consumer({
  group: "heavy-parcels",
  subscriptions: [{ topic: "parcels", sql: "region IN ('north', 'west') AND weight > 20 AND fragile IS NULL" }],
  consumeFromWhere: "first",
})
await consumer.run({
  eachMessage: async (message) => {
    console.log(message.text(), message.property("region"), message.property("weight"))
    if (message.text() === "stove") done.resolve()
  },
})

const producer = gantry.producer()
await producer.send({ topic: "parcels", body: "letter", properties: { region: "north", weight: "1" } })
await producer.send({ topic: "parcels", body: "mirror", properties: { region: "west", weight: "30", fragile: "yes" } })
await producer.send({ topic: "parcels", body: "anvil", properties: { region: "east", weight: "90" } })
await producer.send({ topic: "parcels", body: "stove", properties: { region: "north", weight: "80" } })
await done.promise

// A condition that is none is told before anything is sent, with its place.
try {
  gantry.consumer({ group: "typists", subscriptions: [{ topic: "parcels", sql: "weight >= 20 && fragile" }] })
} catch (error) {
  console.log((error as Error).message)
}
