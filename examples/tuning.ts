import { Gantry } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"
await using gantry = new Gantry({ namesrvAddr })

// RocketMQ's names and defaults; what is given here is what one may want to change.
const producer = gantry.producer({
  sendMsgTimeoutMs: 5_000, // for one send with all its attempts
  retryTimesWhenSendFailed: 3, // each on another broker, where there is one
  sendLatencyFault: true, // keep away from brokers that were slow or failed, for a while
  compression: { type: "ZSTD", overBytes: 1_024 },
  backPressure: { messages: 2_000, bytes: 32 * 1024 * 1024 }, // further sends wait
})
const body = "a line that repeats itself. ".repeat(1_000)
await producer.send({ topic: "documents", body })

const done = Promise.withResolvers<void>()
const consumer = gantry.consumer({
  group: "indexers",
  subscriptions: ["documents"],
  consumeFromWhere: "first",
  concurrency: 8, // handlers at work at once
  consumeMessageBatchMaxSize: 16, // messages for one handler
  pullBatchSize: 64, // messages for one request
  pullThresholdForQueue: 500, // a queue that holds more in memory is not pulled
  pullThresholdSizeForQueueMiB: 16,
})
await consumer.run({
  eachBatch: async (messages) => {
    const [message] = messages
    console.log(message!.text() === body, message!.sizeBytes < 1_000, "on the way")
    done.resolve()
  },
})
await done.promise
