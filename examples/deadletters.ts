import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr, log: false })
const admin = gantry.admin()
await admin.createTopic({ topic: "invoices", queues: 1 })

let isPrinterBroken = true
let done = Promise.withResolvers<void>()
const printer = gantry.consumer({ group: "printers", subscriptions: ["invoices"], consumeFromWhere: "first" })
await printer.run({
  eachMessage: async (message, { deadLetter }) => {
    // Nothing helps until somebody mends it: given up at once instead of after the last retry.
    if (isPrinterBroken) deadLetter(message)
    else console.log("printed", message.text())
    done.resolve()
  },
})
const sent = await gantry.producer().send({ topic: "invoices", body: "invoice 7", keys: "7" })
await done.promise

let letters = await admin.deadLetters({ group: "printers" })
while (letters.length === 0) letters = await admin.deadLetters({ group: "printers", key: "7" })
for (const letter of letters) console.log("given up:", letter.text(), letter.property("RETRY_TOPIC"))

// What became of it, group by group.
const [invoice] = await admin.messages({ topic: "invoices", key: "7" })
for (const { group, track } of await admin.track(invoice!)) console.log(group, track)

// The printer is mended: the group gets the message again, and nobody else does.
isPrinterBroken = false
done = Promise.withResolvers()
const [resent] = await admin.resendDeadLetters({ group: "printers", ids: [sent.messageId] })
console.log("sent again:", resent?.result.status)
await done.promise
