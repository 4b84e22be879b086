import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr })

// One request, stored together, in this order. What is larger than maxMessageSize is cut into several.
const producer = gantry.producer()
const lines = Array.from({ length: 1_000 }, (_, i) => ({ topic: "lines", body: `line ${i}` }))
const results = await producer.sendBatch(lines)
console.log(results.length, results[999]!.queueOffset - results[0]!.queueOffset)

// Single sends that come at about the same time travel together by themselves.
const gathering = gantry.producer({ group: "gathering", autoBatch: { maxDelayMs: 5, maxBytes: 64 * 1024 } })
const sent = await Promise.all(lines.map((line) => gathering.send(line)))
console.log(new Set(sent.map(({ messageId }) => messageId)).size)
