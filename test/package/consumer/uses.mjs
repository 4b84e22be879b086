// What an application may do with the installed package. Run on every Node that the package is for, and type-checked.
import assert from "node:assert/strict"
import * as Effect from "effect/Effect"
import { Gantry, GantryError } from "gantry-mq"
import { Rebalance } from "gantry-mq/domain"
import { Gantry as GantryService } from "gantry-mq/effect"
import { startCluster } from "gantry-mq/embedded"
import { Command, Malformed, RequestCode } from "gantry-mq/format"
import { simulate } from "gantry-mq/testing"

const cluster = await startCluster({ settings: { autoCreateTopicEnable: false } })
await cluster.createTopic("orders", { queues: 2 })
const gantry = new Gantry({ log: false, namesrvAddr: cluster.namesrvAddr })
const producer = gantry.producer()
const sent = await producer.send({ body: "hello", tags: "created", topic: "orders" })
assert.equal(sent.status, "SEND_OK")
await assert.rejects(producer.send({ body: "hello", topic: "nowhere" }), GantryError)
await gantry.close()
const send = Effect.gen(function* () {
  const client = yield* GantryService
  const service = yield* client.producer({ group: "effects" })
  return yield* service.send({ body: "hello", topic: "orders" })
})
const layer = GantryService.layer({ log: false, namesrvAddr: cluster.namesrvAddr })
const effected = await Effect.runPromise(send.pipe(Effect.scoped, Effect.provide(layer)))
assert.equal(effected.status, "SEND_OK")
await cluster.reset()
await cluster.close()

const simulated = await simulate(7, async (sim) => {
  const client = sim.client().producer()
  await client.send({ body: "hello", topic: "orders" })
  sim.broker.powerCut()
  await sim.broker.restart()
})
assert.equal(simulated.acknowledged, 1)

const queues = [0, 1, 2].map((queueId) => ({ brokerName: "broker-a", queueId, topic: "orders" }))
const share = Rebalance.assign(Rebalance.average, { clientIds: ["a", "b"], currentClientId: "b", queues })
assert.deepEqual(share._tag === "Success" ? share.success : share.failure, queues.slice(2))

const frame = Command.encode(Command.request(RequestCode.GET_ROUTEINFO_BY_TOPIC, 1, { topic: "orders" }, Buffer.of()))
const command = Command.decode(frame, 4, frame.length)
assert.ok(!(command instanceof Malformed))
assert.equal(command.ext["topic"], "orders")

console.log(`uses: ok on Node ${process.versions.node}`)
