// Scenarios through ali-ons, a client of RocketMQ for Node: each on a topic and a group of its own, all at once. The
// topics are there. Prints one line of JSON for each when it ends: {"scenario", "ok", "ms", "detail"}.
const { Consumer, Message, Producer } = require("ali-ons")
const httpclient = require("urllib")

const nameSrv = process.argv[2]
const patienceMs = 60_000
const access = { accessKeyId: "id", accessKeySecret: "secret", httpclient, nameSrv }
const quiet = { debug() {}, error() {}, info() {}, warn() {} }

const until = async (done, otherwise) => {
  for (const endMs = Date.now() + patienceMs; Date.now() < endMs;) {
    if (done()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`${otherwise()} within ${patienceMs} ms`)
}

const producerOf = async (name) => {
  const producer = new Producer({ ...access, logger: quiet, producerGroup: `ons-p-${name}` })
  await producer.ready()
  return producer
}

const consumerOf = async (name, topic, tags, handle, options = {}) => {
  const consumer = new Consumer({ ...access, consumerGroup: `ons-c-${name}`, logger: quiet, ...options })
  consumer.on("error", () => {})
  consumer.subscribe(topic, tags, handle)
  await consumer.ready()
  return consumer
}

const sendAll = async (producer, topic, tag, prefix, count) => {
  for (let i = 0; i < count; i++) {
    const message = new Message(topic, tag, `${prefix}-${i}`)
    message.keys = [`key-${i}`]
    const { msgId, sendStatus } = await producer.send(message)
    if (sendStatus !== "SEND_OK" || !msgId) throw new Error(`a send was answered ${sendStatus}`)
  }
}

const scenarios = {
  "sends and pushes: what is sent is consumed": async () => {
    const got = new Map()
    const producer = await producerOf("plain")
    await sendAll(producer, "OnsPlain", "tag", "m", 30)
    const consumer = await consumerOf("plain", "OnsPlain", "*", async (message) => {
      got.set(message.body.toString(), message.keys)
    })
    await until(
      () => got.size === 30,
      () => `${got.size} of 30 messages came`,
    )
    if (String(got.get("m-7")) !== "key-7") throw new Error(`the key of m-7 came as ${got.get("m-7")}`)
    await consumer.close()
    await producer.close()
  },
  "tags: only the subscribed ones arrive": async () => {
    const got = new Set()
    const producer = await producerOf("tags")
    for (const tag of ["red", "green", "blue"]) await sendAll(producer, "OnsTags", tag, tag, 10)
    const consumer = await consumerOf("tags", "OnsTags", "red || blue", async (message) => {
      got.add(message.body.toString())
    })
    await until(
      () => got.size >= 20,
      () => `${got.size} of 20 messages came`,
    )
    if ([...got].some((body) => body.startsWith("green"))) throw new Error("a message of another tag came")
    await consumer.close()
    await producer.close()
  },
  "retry: what failed comes again": async () => {
    let attempts = 0
    const got = new Set()
    const producer = await producerOf("retry")
    await sendAll(producer, "OnsRetry", "tag", "m", 5)
    const consumer = await consumerOf("retry", "OnsRetry", "*", async (message) => {
      const body = message.body.toString()
      if (body === "m-2" && attempts++ === 0) throw new Error("wanted")
      got.add(body)
    })
    await until(
      () => got.size === 5,
      () => `${got.size} of 5 messages came, m-2 was tried ${attempts} times`,
    )
    if (attempts !== 2) throw new Error(`m-2 was tried ${attempts} times`)
    await consumer.close()
    await producer.close()
  },
  "broadcasting: each consumer gets everything": async () => {
    const all = [new Set(), new Set()]
    const producer = await producerOf("broadcast")
    const consumers = []
    for (const [i, got] of all.entries()) {
      const options = { instanceName: `c${i}`, isBroadcast: true }
      const handle = async (message) => void got.add(message.body.toString())
      consumers.push(await consumerOf("broadcast", "OnsBroadcast", "*", handle, options))
    }
    await sendAll(producer, "OnsBroadcast", "tag", "m", 10)
    await until(
      () => all.every((got) => got.size === 10),
      () => `${all.map((got) => got.size)} of 10 messages came`,
    )
    for (const consumer of consumers) await consumer.close()
    await producer.close()
  },
}

const run = async (scenario) => {
  const startMs = Date.now()
  let detail = ""
  try {
    await scenarios[scenario]()
  } catch (error) {
    detail = String(error?.stack ?? error)
  }
  console.log(JSON.stringify({ detail, ms: Date.now() - startMs, ok: detail === "", scenario }))
}

// A client that lives on would keep the process alive.
Promise.all(Object.keys(scenarios).map(run)).then(() => process.exit(0))
