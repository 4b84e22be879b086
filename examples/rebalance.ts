import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
// The members of a group share the queues of a topic. Each computes the same shares from the same lists, so that all of
// them, Java clients included, must use the same strategy: AVG (the default), AVG_BY_CIRCLE, CONSISTENT_HASH,
// { config: queues }, { machineRoom: rooms } or { machineRoomNearby: resolver }.
await using first = new Gantry({ namesrvAddr })
await using second = new Gantry({ namesrvAddr })
await first.admin().createTopic({ topic: "shares", queues: 4 })

const options = { group: "sharers", subscriptions: ["shares"], rebalanceStrategy: "AVG_BY_CIRCLE" } as const
const members = [first.consumer(options), second.consumer(options)]
for (const member of members) await member.run({ eachMessage: async () => {} })

const shares = (): ReadonlyArray<number> =>
  members.map(({ assigned }) => assigned.filter(({ topic }) => topic === "shares").length)
while (shares().join() !== "2,2") await new Promise((resolve) => setTimeout(resolve, 50))
console.log("two members:", shares().join(" + "))

await members[0]!.close()
while (shares()[1] !== 4) await new Promise((resolve) => setTimeout(resolve, 50))
console.log("one is left:", shares()[1])

// A broker can share the queues out in place of the members: what it says is the same.
const asking = second.consumer({ group: "askers", subscriptions: ["shares"], clientRebalance: false })
await asking.run({ eachMessage: async () => {} })
while (asking.assigned.filter(({ topic }) => topic === "shares").length !== 4) {
  await new Promise((resolve) => setTimeout(resolve, 50))
}
console.log("shared by the broker:", asking.assigned.filter(({ topic }) => topic === "shares").length)
