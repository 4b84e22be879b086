import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using office = new Gantry({ namesrvAddr, instanceName: "office" })
await using counter = new Gantry({ namesrvAddr, instanceName: "counter" })

// Urgent parcels have the first queue for themselves, all others share the rest.
await office.admin().createTopic({ topic: "parcels-by-priority", queues: 4 })
const queues = await office.admin().queues("parcels-by-priority")
const [urgent, ...usual] = queues
const isUrgent = (parcel: string): boolean => parcel.startsWith("urgent")

const producer = office.producer()
for (const parcel of ["usual 1", "usual 2", "usual 3", "usual 4", "urgent 5"]) {
  const queue = isUrgent(parcel) ? urgent! : usual[Number(parcel.at(-1)) % usual.length]!
  await producer.send({ topic: "parcels-by-priority", body: parcel }, { queue })
}

// One consumer of the group has the urgent queue only, so that nothing else is ever in its way; the others have the rest.
const delivered: Array<string> = []
const done = Promise.withResolvers<void>()
const deliver = async (parcel: string, ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms))
  if (delivered.push(parcel) === 5) done.resolve()
}
const common = { group: "couriers", subscriptions: ["parcels-by-priority"], consumeFromWhere: "first" } as const
const slow = counter.consumer({ ...common, concurrency: 1, rebalanceStrategy: { config: usual } })
const fast = office.consumer({ ...common, rebalanceStrategy: { config: [urgent!] } })
await slow.run({ eachMessage: (message) => deliver(message.text(), 300) })
await fast.run({ eachMessage: (message) => deliver(message.text(), 0) })
await done.promise
console.log("the urgent one was before the last of the others:", delivered.indexOf("urgent 5") < 4)
