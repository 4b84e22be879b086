/**
 * Every command of `gantry admin` against a real broker and name server, as transcripts in test/model/admin. A
 * transcript that changes is rewritten (vitest -u) only when its difference can be explained.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { areas } from "../../src/cli/admin/areas.ts"
import type { Consumer, Producer } from "../../src/client/index.ts"
import { Gantry } from "../../src/client/index.ts"
import { Rig } from "./admin/Rig.ts"
import { captured } from "./admin/captured.ts"

let rig: Rig
let client: Gantry
let consumer: Consumer
let producer: Producer
let msgId = ""
let offsetMsgId = ""

beforeAll(async () => {
  rig = await Rig.start()
})

afterAll(async () => {
  await client.close()
  await rig.stop()
})

/** Runs the lines of one story, and holds its transcript. */
const tells = async (name: string, story: () => Promise<void>): Promise<void> => {
  rig.transcript = ""
  await story()
  await expect(rig.transcript).toMatchFileSnapshot(`admin/${name}.txt`)
}

/** Runs a command until it has found what it looks for. */
const until = async (...words: ReadonlyArray<string>): Promise<void> => {
  while ((await captured(["admin", ...words])).code !== 0);
}

const squeezed = { isSqueezed: true } as const
const measured = { isMeasured: true } as const

describe("transcripts", () => {
  it("topics", () =>
    tells("topics", async () => {
      await rig.admin("updateTopic -t orders -c DefaultCluster -r 2 -w 2 -a +message.type=NORMAL")
      await rig.admin("updateTopic -topic payments -brokerAddr $broker -perm 6 -o json")
      await rig.admin("updateTopic -t steps -b $broker -r 3 -w 3 -o true")
      await rig.admin("topicRoute -t steps")
      await rig.admin("updateTopicPerm -t payments -c DefaultCluster -p 4")
      await rig.admin("topicRoute -t payments -l")
      await rig.admin("topicRoute -t payments -o json")
      fs.writeFileSync(
        path.join(rig.folder, "topics.json"),
        '[{"topicName":"listed-1"},{"topicName":"listed-2","perm":4}]',
      )
      await rig.admin(`updateTopicList -b $broker -f ${rig.folder}/topics.json`)
      await rig.admin("topicList", { only: /listed|orders|payments|steps/ })
      await rig.admin("topicStatus -t orders")
      await rig.admin("topicClusterList -t orders")
      await rig.admin("updateOrderConf -t orders -m put -v broker-a:2")
      await rig.admin("updateOrderConf -t orders -m get -o json")
      await rig.admin("updateOrderConf -t orders -m delete")
      await rig.admin("updateOrderConf -t orders -m get")
      await rig.admin("allocateMQ -t steps -i 10.0.0.1,10.0.0.2")
    }))

  it("groups", () =>
    tells("groups", async () => {
      await rig.admin("updateSubGroup -g billing -c DefaultCluster -r 5")
      await rig.admin(
        'updateSubGroup -g shipping -b $broker -s true -p {"type":"CUSTOMIZED","customizedRetryPolicy":{"next":[1000]}}',
      )
      fs.writeFileSync(path.join(rig.folder, "groups.json"), '[{"groupName":"listed","retryMaxTimes":3}]')
      await rig.admin(`updateSubGroupList -b $broker -f ${rig.folder}/groups.json`)
      await rig.admin("getConsumerConfig -g billing -o json")
      await rig.admin("getConsumerConfig -g biling")
      await rig.admin("setConsumeMode -t orders -g billing -m pop -q 2 -b $broker")
      await rig.admin("setConsumeMode -t orders -g billing -m PULL -c DefaultCluster -o json")
      await rig.admin("setConsumeMode -t orders -g billing -m PUSH -b $broker")
      await rig.admin("setConsumeMode -t orders -g biling -m PULL -b $broker")
      await rig.admin("consumerProgress -g billing")
      await rig.admin("consumerProgress -g biling")
      await rig.admin("consumerConnection -g billing")
    }))

  it("messages", () =>
    tells("messages", async () => {
      const sent = await rig.admin("sendMessage -t orders -p hello␣you -k k-1␣k-2 -c created -b broker-a -i 1 -o json")
      msgId = (JSON.parse(sent.out) as ReadonlyArray<{ readonly msgId: string }>)[0]!.msgId
      await rig.admin("sendMessage -t orders -p again -b broker-a -i 0")
      const found = await rig.admin("queryMsgByUniqueKey -t orders -i " + msgId + " -o json")
      offsetMsgId = (JSON.parse(found.out) as { readonly message: { readonly offsetMsgId: string } }).message
        .offsetMsgId
      await rig.admin(`queryMsgById -t orders -i ${offsetMsgId}`)
      await rig.admin("queryMsgByKey -t orders -k k-2")
      await rig.admin("queryMsgByKey -t orders -k created -p T -b 10m")
      await rig.admin("queryMsgByKey -t orders -k k-3")
      await rig.admin("queryMsgByOffset -t orders -b broker-a -i 0 -o 0")
      await rig.admin("queryMsgByOffset -t orders -b broker-a -i 0 -o 7")
      await rig.admin("printMsg -t orders")
      await rig.admin("printMsg -t orders -s created -d false")
      await rig.admin("printMsgByQueue -t orders -a broker-a -i 1 -f true")
      await rig.admin("consumeMessage -t orders -b broker-a -i 1 -o 0 -c 1 -o json")
      await rig.admin("queryCq -t orders -q 1 -i 0", { only: /OFFSET|first|next/ })
      await rig.admin("queryMsgTraceById -i " + msgId)
      await rig.admin("checkMsgSendRT -t steps -a 2 -s 16", measured)
    }))

  it("clients that are connected", () =>
    tells("connections", async () => {
      client = new Gantry({
        clientIP: "10.0.0.9",
        heartbeatBrokerIntervalMs: 50,
        instanceName: "test",
        log: false,
        namesrvAddr: rig.namesrv,
      })
      consumer = client.consumer({ group: "readers" })
      consumer.subscribe("orders")
      const { promise, resolve } = Promise.withResolvers<void>()
      let count = 0
      await consumer.run({
        eachMessage: async () => {
          if (++count === 2) resolve()
        },
      })
      await promise
      producer = client.producer({ group: "shop" })
      await producer.send({ body: "one more", tags: "paid", topic: "steps" })
      await until("producerConnection", "-g", "shop", "-t", "orders")
      await rig.admin("consumerConnection -g readers")
      await rig.admin("producerConnection -g shop -t orders")
      await rig.admin("producerConnection -g shoop -t orders")
      await rig.admin("producer -b $broker", { only: /GROUP|shop/ })
      await rig.admin("consumerStatus -g readers", { only: /CLIENT|same/, ...squeezed })
      await rig.admin("consumerProgress -g readers -s true", { only: /TOPIC/, ...squeezed })
      await rig.admin("consumerProgress", { only: /GROUP|billing/ })
      await rig.admin(`queryMsgById -t orders -i ${offsetMsgId} -g readers -d ${client.clientId}`, {
        only: /group|client|result/,
      })
      await rig.admin(`queryMsgById -t orders -i ${offsetMsgId} -s true`, { only: /result/ })
      await consumer.close()
    }))

  it("messages that failed", () =>
    tells("deadLetters", async () => {
      await rig.admin("deadLetters -g readers")
      const sent = await captured("admin sendMessage -t steps -p bad -k k-9 -b broker-a -i 0 -o json".split(" "))
      const [{ msgId: id }] = JSON.parse(sent.out) as [{ readonly msgId: string }]
      const failing = client.consumer({ consumeFromWhere: "first", group: "failing", subscriptions: ["steps"] })
      const { promise, resolve } = Promise.withResolvers<void>()
      let isBroken = true
      await failing.run({
        eachMessage: async (message, { deadLetter }) => {
          if (message.text() !== "bad") return undefined
          if (isBroken) return deadLetter(message)
          return resolve()
        },
      })
      await until("queryMsgByUniqueKey", "-t", "%DLQ%failing", "-i", id)
      await rig.admin("deadLetters -g failing")
      await rig.admin("deadLetters -g failing -k k-8")
      await rig.admin(`queryMsgByUniqueKey -t steps -i ${id}`, { only: /GROUP|failing/ })
      isBroken = false
      await rig.admin("resendDeadLetters -g failing -i " + id)
      await promise
      await rig.admin("resendDeadLetters -g failing")
      await rig.admin("resendDeadLetters -g failing --all --to origin -e 1h")
      await rig.admin("resendDeadLetters -g failng --all")
      await failing.close()
    }))

  it("offsets", () =>
    tells("offsets", async () => {
      await rig.admin("resetOffsetByTime -g billing -t orders -s 2026-01-31#08:00:00:000")
      await rig.admin("resetOffsetByTime -g billing -t orders -s -1 -b $broker -q 1 -o 1 -o json")
      await rig.admin("consumerProgress -g billing -t orders", { only: /TOPIC|orders/ })
      await rig.admin("skipAccumulatedMessage -g billing -t orders")
      await rig.admin("resetOffsetByTime -g billing -t orders -s now -b $broker -q 1 -o 0")
      await rig.admin("cloneGroupOffset -s billing -d shipping -t orders")
      await rig.admin("cloneGroupOffset -s billing -d shiping -t orders")
      await rig.admin("resetOffsetByTime -g biling -t orders -s now")
    }))

  it("the cluster and its brokers", () =>
    tells("cluster", async () => {
      await rig.admin("clusterList", measured)
      await rig.admin("clusterList -m -c DefaultCluster", { only: /CLUSTER/ })
      await rig.admin("clusterList -c DefaultClutser")
      await rig.admin("clusterRT -a 1 -s 16 -o json", { only: /"failed":0/, ...measured })
      await rig.admin("statsAll", { only: /TOPIC/, ...squeezed })
      await rig.admin("brokerStatus -b $broker", { only: /WHAT|brokerVersionDesc|brokerActive/, ...squeezed })
      await rig.admin("brokerConsumeStats -b $broker", { only: /TOPIC|billing/ })
      await rig.admin("getBrokerConfig -c DefaultCluster", { only: /SETTING|broker-a|flushDiskType/, ...squeezed })
      await rig.admin("updateBrokerConfig -b $broker -k fileReservedTime -v 48")
      await rig.admin("updateBrokerConfig -b $broker -k fileReservdTime -v 48")
      await rig.admin("sendMsgStatus -b broker-a -c 2 -s 16", measured)
      await rig.admin("cleanExpiredCQ -b $broker")
      await rig.admin("deleteExpiredCommitLog -c DefaultCluster")
      await rig.admin("cleanUnusedTopic")
    }))

  it("name servers", () =>
    tells("names", async () => {
      await rig.admin("getNamesrvConfig", { only: /name server|SETTING|bindAddress/, ...squeezed })
      await rig.admin("updateNamesrvConfig -k orderMessageEnable -v true")
      await rig.admin("updateKvConfig -s my-space -k key -v value")
      await rig.admin("deleteKvConfig -s my-space -k key -o json")
      await rig.admin("wipeWritePerm -b broker-a", { only: /TOPICS/ })
      await rig.admin("topicRoute -t orders")
      await rig.admin("addWritePerm -b broker-a", { only: /TOPICS/ })
      await rig.admin("wipeWritePerm -b brokr-a")
    }))

  it("deletion", () =>
    tells("deletion", async () => {
      await rig.admin("deleteSubGroup -g billing -c DefaultCluster -r true")
      await rig.admin("deleteSubGroup -g billing -c DefaultCluster")
      await rig.admin("deleteTopic -t payments -c DefaultCluster")
      await rig.admin("deleteTopic -t payments -c DefaultCluster")
      await rig.admin("topicList", { only: /payments|orders/ })
    }))

  it("have tried every command", () => {
    const all = areas.flatMap(({ commands }) => commands.map(({ name }) => name))
    expect([...rig.used].toSorted()).toEqual(all.toSorted())
  })
})
