import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
// Every member gets every message, and keeps its own progress in a file (by default under ~/.rocketmq_offsets). A name of
// its own lets a member find the file again after a restart.
const localOffsetStoreDir = mkdtempSync(join(tmpdir(), "offsets-"))
const got: Array<string> = []
const done = Promise.withResolvers<void>()
const members = ["left", "right"].map((instanceName) => new Gantry({ namesrvAddr, instanceName, localOffsetStoreDir }))

await members[0]!.producer().send({ topic: "settings", body: "dark mode" })
for (const [index, gantry] of members.entries()) {
  const consumer = gantry.consumer({
    group: "caches",
    subscriptions: ["settings"],
    messageModel: "BROADCASTING",
    consumeFromWhere: "first",
  })
  await consumer.run({
    eachMessage: async (message) => {
      got.push(`member ${index}: ${message.text()}`)
      if (got.length === 2) done.resolve()
    },
  })
}
await done.promise
console.log(got.toSorted().join("\n"))
await Promise.all(members.map((gantry) => gantry.close()))
rmSync(localOffsetStoreDir, { recursive: true })
