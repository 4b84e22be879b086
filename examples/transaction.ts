import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr })

// Stands for a database: what the local transactions have committed.
const accounts = new Map([["alice", 100]])
const transfers = new Set<string>()

const producer = gantry.producer({
  group: "bank",
  // The broker asks when it has heard nothing, any member of the group: look into the database, not into memory.
  checkTransaction: (message) => (transfers.has(message.messageId) ? "commit" : "rollback"),
})

const pay = (amount: number) =>
  producer.sendInTransaction({ topic: "transfers", body: `alice pays ${amount}` }, ({ messageId }) => {
    const balance = accounts.get("alice")!
    if (balance < amount) return "rollback"
    accounts.set("alice", balance - amount)
    transfers.add(messageId)
    return "commit"
  })

for (const amount of [30, 500, 50]) {
  const { decision, isConfirmed } = await pay(amount)
  console.log(`${amount}: ${decision}, confirmed ${isConfirmed}`)
}

// A commit that is confirmed is delivered; what was rolled back nobody ever sees.
const consumer = gantry.pullConsumer({ group: "ledger", subscriptions: ["transfers"], consumeFromWhere: "first" })
let seen = 0
for await (const message of consumer) {
  console.log(message.text())
  if (++seen === 2) break
}
