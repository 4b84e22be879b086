/** Dead letters of a group: listing them, and sending them again. Decided in `domain/DeadLetter`. */
import * as Result from "effect/Result"
import * as DeadLetter from "../../domain/DeadLetter.ts"
import * as Properties from "../../domain/Properties.ts"
import { PropertyName } from "../../domain/Properties.ts"
import * as Topic from "../../domain/Topic.ts"
import * as MessageId from "../../format/MessageId.ts"
import type { Call } from "../Call.ts"
import { CliFault } from "../CliFault.ts"
import { type Queue, queuesOf } from "../ClusterClient.ts"
import { MessageSender } from "../MessageSender.ts"
import { bodyOf } from "../messageText.ts"
import type { Read } from "../QueueReader.ts"
import type { Admin } from "./Admin.ts"
import type { Handler, Handlers } from "./AdminWords.ts"
import { allOf } from "./messageReads.ts"
import * as Output from "./Output.ts"
import { intMax, listOf, timeOf } from "./options.ts"

interface Letter extends DeadLetter.DeadLetter {
  readonly message: Read
  readonly brokerName: string
}

const usualMax = 1000

/** Which letters the options mean. */
interface Asked {
  readonly query: DeadLetter.Query
  readonly max: number
}

const askedBy = (call: Call): Asked => {
  const ids = listOf(call, "msgId")
  const key = call.text("msgKey")
  const beginMs = timeOf(call, "beginTimestamp")
  const endMs = timeOf(call, "endTimestamp")
  return {
    max: call.integer("maxNum", 1, intMax) ?? usualMax,
    query: {
      ...(ids.length === 0 ? {} : { ids: new Set(ids) }),
      ...(key === undefined ? {} : { key }),
      ...(beginMs === undefined ? {} : { beginMs }),
      ...(endMs === undefined ? {} : { endMs }),
    },
  }
}

const lettersOf = async (admin: Admin, group: string, { max, query }: Asked): Promise<ReadonlyArray<Letter>> => {
  const topic = Topic.dlqTopic(group)
  const route = await admin.cluster.routeOf(topic)
  if (route === undefined) {
    if ((await admin.groups()).has(group)) return []
    throw await admin.unknownGroup(group)
  }
  const found: Array<Letter> = []
  for (const queue of queuesOf(topic, route, "read"))
    for await (const message of allOf(admin, queue, query.beginMs, query.endMs)) {
      const { brokerName } = queue
      const { physicalOffset, properties, storeHost: host, storeTimestamp } = message
      const offsetMsgId = MessageId.encode({ host, physicalOffset })
      const letter = { brokerName, message, offsetMsgId, properties, storeTimestamp }
      if (DeadLetter.matches(letter, query)) found.push(letter)
      if (found.length >= max) return found
    }
  return found
}

const deadLetters: Handler = async (admin, call) => {
  const group = admin.group("groupName")
  const letters = await lettersOf(admin, group, askedBy(call))
  return Output.table<Letter>(
    {
      msgId: { cell: ({ properties }) => Properties.find(properties, PropertyName.UNIQ_KEY), title: "MESSAGE ID" },
      topic: { cell: ({ properties }) => DeadLetter.originOf(properties), title: "FROM TOPIC" },
      keys: { cell: ({ properties }) => Properties.find(properties, PropertyName.KEYS)?.split(" "), title: "KEYS" },
      attempts: { cell: ({ message }) => message.reconsumeTimes, title: "ATTEMPTS" },
      storeTimestamp: { cell: ({ storeTimestamp }) => storeTimestamp, print: Output.time, title: "GIVEN UP" },
      broker: { cell: ({ brokerName }) => brokerName, title: "BROKER" },
      offsetMsgId: { cell: ({ offsetMsgId }) => offsetMsgId, title: "OFFSET ID" },
    },
    letters,
    { whenEmpty: `Group ${group} has no such dead letters.` },
  )
}

const resendDeadLetters: Handler = async (admin, call) => {
  const group = admin.group("groupName")
  const to = call.choice("to", ["group", "origin"]) ?? "group"
  const asked = askedBy(call)
  if (Object.keys(asked.query).length === 0 && !call.flag("all"))
    throw call.refusal("Say which dead letters: by --msgId, --msgKey, a time, or --all of them.")
  const letters = await lettersOf(admin, group, asked)
  const ready = letters.map((letter) => {
    const resent = DeadLetter.resent(letter, group, to)
    if (Result.isFailure(resent)) throw new CliFault(`Nothing was sent: ${resent.failure.remark}`)
    return { letter, properties: resent.success.properties, topic: resent.success.topic }
  })
  const queues = new Map<string, ReadonlyArray<Queue>>()
  for (const topic of new Set(ready.map((each) => each.topic)))
    queues.set(topic, queuesOf(topic, await admin.route(topic), "write"))
  const sender = new MessageSender(admin.cluster)
  const rows: Array<{ readonly letter: Letter; readonly topic: string; readonly status: string }> = []
  for (const [at, { letter, properties, topic }] of ready.entries()) {
    const all = queues.get(topic)!
    const near = all.filter(({ brokerName }) => brokerName === letter.brokerName)
    const choice = near.length > 0 ? near : all
    const queue = choice[at % choice.length]
    if (queue === undefined)
      throw new CliFault(`Topic ${topic} has no queue that can be written to. ${toldOf(rows.length)}`)
    const id = Properties.find(properties, PropertyName.UNIQ_KEY)
    const own = [...Properties.parse(properties)].filter(([name]) => name !== PropertyName.UNIQ_KEY)
    const { status } = await sender.send(queue, own, bodyOf(letter.message), { flag: letter.message.flag, id })
    rows.push({ letter, status, topic })
  }
  return Output.table(
    {
      msgId: { cell: ({ letter }) => Properties.find(letter.properties, PropertyName.UNIQ_KEY), title: "MESSAGE ID" },
      topic: { cell: ({ topic }) => topic, title: "SENT TO" },
      result: { cell: ({ status }) => status, title: "RESULT" },
    },
    rows,
    { whenEmpty: `Group ${group} has no such dead letters.` },
  )
}

const toldOf = (count: number): string => `${count} dead letters were sent before.`

export const handlers: Handlers = { deadLetters, resendDeadLetters }
