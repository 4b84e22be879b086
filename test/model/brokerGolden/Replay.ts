/**
 * Plays a recorded file to a Gantry broker on the simulated world: the recorded request frames, in their order, at
 * their times, on one connection per client. What a recorded broker gave out and ours gives out differently is mapped:
 * CommitLog offsets in requests are those of our copies of the same messages.
 *
 * The recordings keep at most two repetitions of an exchange, and their broker served what this version does not. The
 * state that an answer depends on is therefore made here when no recorded request made it, and told in `prepared`:
 *
 *   a group      whose creation was left out
 *   a heartbeat  that was left out, before a pull by the subscription that it brought
 *   a message    that a transaction, a timer or another program stored, sent by its recorded content when an answer
 *                shows that it was there
 */
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { PropertyName } from "../../../src/domain/Properties.ts"
import * as Properties from "../../../src/domain/Properties.ts"
import * as Command from "../../../src/format/Command.ts"
import { ConsumerStatus } from "../../../src/format/ConsumeStats.ts"
import * as MessageId from "../../../src/format/MessageId.ts"
import { RequestCode } from "../../../src/format/RequestCode.ts"
import type * as StoredMessage from "../../../src/format/StoredMessage.ts"
import { simEpochMs } from "../../../src/infra/sim/Sim.ts"
import { makeSimWorld, type SimNode, type SimWorld } from "../../../src/infra/world/SimWorld.ts"
import * as Broker from "../../../src/node/broker/Broker.ts"
import { type BrokerConfig, defaults } from "../../../src/node/broker/BrokerConfig.ts"
import { Peer } from "./Peer.ts"
import * as Recording from "./Recording.ts"
import { isReply, numberOf, place, type Recorded, textOf } from "./Recording.ts"

/** The advertised address of the recorded broker: message ids begin with it. */
export const brokerAddress = { host: "127.0.0.2", port: 39_911 }
const clientHost = "127.0.0.1"

/** The recorded settings, as far as this version has them, and a small store. */
export const settings: BrokerConfig = {
  ...defaults,
  bindAddress: brokerAddress.host,
  brokerIP1: brokerAddress.host,
  enablePropertyFilter: true,
  listenPort: brokerAddress.port,
  mappedFileSizeCommitLog: 1024 * 1024,
  maxHashSlotNum: 1000,
  maxIndexNum: 4000,
  maxMessageSize: 20_000,
  storePathRootDir: "/store",
  transactionCheckInterval: 3000,
  transactionTimeOut: 2000,
  writeRingBytes: 2 * 1024 * 1024,
}

export interface Started {
  readonly cluster: SimWorld
  readonly broker: Broker.Broker
  readonly node: SimNode
  readonly clients: SimNode
  readonly connect: () => Peer
}

/** A broker on a simulated machine whose clock shows `nowMs`. `logged` gets its warnings and errors. */
export const start = (nowMs: number, seed: number, logged: Array<string> = []): Started => {
  const cluster = makeSimWorld(seed, {
    onLog: ({ fields, level, message }) => {
      const { error } = fields
      const why = error instanceof Error ? `: ${error.stack}` : ""
      if (level === "warn" || level === "error") logged.push(message + why)
    },
  })
  const node = cluster.node("broker", brokerAddress.host, { skewMs: nowMs - simEpochMs })
  const clients = cluster.node("clients", clientHost)
  const scope = cluster.sim.sync(Scope.make())
  const started = cluster.sim.run(Scope.provide(Broker.make(settings, node.world, 4711), scope))
  if (Exit.isFailure(started)) throw new Error("the broker does not start", { cause: started.cause })
  return {
    broker: started.value,
    clients,
    cluster,
    connect: () => new Peer(cluster, clients, brokerAddress),
    node,
  }
}

/** One exchange played. */
export interface Played {
  readonly recorded: Recorded
  /** What our broker answered, at once or until the end. */
  readonly ours: Command.Command | undefined
}

export interface Replayed {
  readonly played: ReadonlyArray<Played>
  /** What had to be made because no recorded request made it. */
  readonly prepared: ReadonlyArray<string>
  /** Places of messages that were sent in place of recorded ones. */
  readonly standIns: ReadonlySet<string>
  /** Recorded CommitLog offsets to ours. */
  readonly offsets: ReadonlyMap<number, number>
  readonly told: ReadonlyArray<Command.Command>
  readonly logged: ReadonlyArray<string>
}

export const replay = (file: Recording.File): Replayed => new Replay(Recording.read(file)).run()

/** How long an answer that comes at once may take: a sync of the simulated disk is below 50 ms. */
const promptMs = 150

class Replay {
  readonly #recording: Recording.Recording
  readonly #started: Started
  readonly #beganMs: number
  readonly #logged: Array<string> = []
  readonly #peers = new Map<string, Peer>()
  readonly #all: Array<Peer> = []
  /** Subscription versions that were sent, by group and topic. */
  readonly #subscribed = new Map<string, Map<string, number>>()
  readonly #offsets = new Map<number, number>()
  /** Where our half messages lie, by unique key: as an END_TRANSACTION names them. */
  readonly #halves = new Map<string, Readonly<Record<"commitLogOffset" | "tranStateTableOffset", string>>>()
  readonly #standIns = new Set<string>()
  readonly #prepared: Array<string> = []
  /** The client ids that spoke on each connection. */
  readonly #clientIds = new Map<Peer, string>()
  /** What is asked at the moment: clients that the broker asks in turn answer what they did then. */
  #asking: Recorded | undefined
  #opaque = 1_000_000_000

  constructor(recording: Recording.Recording) {
    this.#recording = recording
    this.#beganMs = recording.asked.find(({ atMs }) => atMs > 0)!.atMs - 5000
    this.#started = start(this.#beganMs, 2024, this.#logged)
  }

  run(): Replayed {
    const open: Array<{ readonly recorded: Recorded; readonly peer: Peer }> = []
    const answers = new Map<Recorded, Command.Command | undefined>()
    for (const group of this.#recording.groupsLeftOut) this.#createGroup(group)
    for (const recorded of this.#recording.asked) {
      this.#passTime(recorded)
      this.#prepare(recorded)
      const peer = this.#peer(recorded.client)
      this.#asking = recorded
      const answer = peer.ask(this.#frame(recorded), this.#patience(recorded))
      answers.set(recorded, answer)
      // What was held beyond the recording is no matter of it.
      if (answer === undefined && recorded.theirs !== undefined) open.push({ peer, recorded })
      if (answer !== undefined) this.#learn(recorded, answer)
      this.#note(recorded)
      if (endsClient(recorded)) {
        peer.close()
        this.#peers.delete(recorded.client)
      }
    }
    for (const { peer, recorded } of open) answers.set(recorded, peer.answers.get(recorded.asked.opaque))
    return {
      logged: this.#logged,
      offsets: this.#offsets,
      played: [...answers].map(([recorded, ours]) => ({ ours, recorded })),
      prepared: this.#prepared,
      standIns: this.#standIns,
      told: this.#all.flatMap(({ told }) => told),
    }
  }

  /** Brings the clock to when the request was sent. */
  #passTime({ atMs }: Recorded): void {
    const { node } = this.#started
    const aheadMs = atMs - node.world.clock.nowMs()
    if (aheadMs > 0) this.#started.cluster.sim.runFor(aheadMs)
  }

  /** A pull that the recorded broker held and answered is waited for, unless what wakes it comes later. */
  #patience({ asked, theirs }: Recorded): number {
    if (theirs?.code !== 19 || !isSuspendable(asked)) return promptMs
    return numberOf(asked, "suspendTimeoutMillis")! + 5000
  }

  #peer(client: string): Peer {
    const known = this.#peers.get(client)
    if (known !== undefined) return known
    const peer = this.#started.connect()
    peer.reply = (asked) => this.#replyAsThen(peer, asked)
    this.#peers.set(client, peer)
    this.#all.push(peer)
    return peer
  }

  /** The part of a client in what an administrator asked. */
  #replyAsThen(peer: Peer, asked: Command.Command): Command.Command | undefined {
    const theirs = this.#asking?.theirs
    if (theirs === undefined) return undefined
    const { opaque, serialize } = asked
    if (asked.code !== RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT) return { ...theirs, opaque, serialize }
    const all = ConsumerStatus.decode(theirs.body)
    if (all instanceof Error) throw all
    const messageQueueTable = all.consumerTable.get(this.#clientIds.get(peer) ?? "") ?? []
    return {
      ...theirs,
      body: ConsumerStatus.encode({ consumerTable: new Map(), messageQueueTable }),
      opaque,
      serialize,
    }
  }

  /** The recorded frame, with what depends on the run replaced by ours. */
  #frame(recorded: Recorded): Buffer {
    const { asked, code, request, theirs } = recorded
    const ours: { [name: string]: string } = {}
    if (code === RequestCode.CONSUMER_SEND_MSG_BACK || code === RequestCode.VIEW_MESSAGE_BY_ID) {
      const offset = this.#offsets.get(numberOf(asked, "offset")!)
      if (offset !== undefined) ours["offset"] = String(offset)
    }
    const id = code === RequestCode.CONSUME_MESSAGE_DIRECTLY ? MessageId.decode(textOf(asked, "msgId")!) : undefined
    if (id !== undefined && !(id instanceof Error)) {
      const physicalOffset = this.#offsets.get(id.physicalOffset)
      if (physicalOffset !== undefined) ours["msgId"] = MessageId.encode({ ...id, physicalOffset })
    }
    const half = code === RequestCode.END_TRANSACTION ? this.#halves.get(textOf(asked, "msgId") ?? "") : undefined
    if (half !== undefined) Object.assign(ours, half)
    // A pull that overtook its heartbeat: it asks for a version that the broker has not heard of.
    if (theirs?.code === 25) {
      const known = this.#subscribed.get(textOf(asked, "consumerGroup")!)?.get(textOf(asked, "topic")!)
      if (known !== undefined) ours["subVersion"] = String(known + 1)
    }
    if (Object.keys(ours).length === 0) return Buffer.from(request, "hex")
    return Command.encode({ ...asked, ext: { ...asked.ext, ...ours } })
  }

  #prepare(recorded: Recorded): void {
    const { asked, code, theirs } = recorded
    if (code === RequestCode.QUERY_ASSIGNMENT && theirs !== undefined && theirs.body.length > 2) this.#join(recorded)
    const topic = textOf(asked, "topic") ?? textOf(asked, "b")
    if (topic === undefined) return
    const isPull = code === RequestCode.PULL_MESSAGE || code === RequestCode.LITE_PULL_MESSAGE
    if (isPull) this.#subscribe(recorded, topic)
    if (theirs?.code === 0 && isSend(code)) this.#fillSend(recorded, topic, theirs)
    const queueId = numberOf(asked, "queueId")
    if (queueId === undefined) return
    // Where a consumer waits for more, there was something.
    if (isPull && theirs === undefined) this.#fill(topic, queueId, numberOf(asked, "queueOffset")!)
    if (theirs === undefined) return
    if (isPull) {
      const end = numberOf(theirs, "maxOffset")
      // What woke a held pull was not there yet.
      if (end !== undefined) this.#fill(topic, queueId, recorded.isWoken ? numberOf(asked, "queueOffset")! : end)
    }
    if (code === RequestCode.GET_MAX_OFFSET || code === RequestCode.SEARCH_OFFSET_BY_TIMESTAMP)
      this.#fill(topic, queueId, numberOf(theirs, "offset") ?? 0)
  }

  /** Sends the heartbeat that a recorded pull relies on, when it was left out of the recording. */
  #subscribe({ asked, client, theirs }: Recorded, topic: string): void {
    const group = textOf(asked, "consumerGroup")!
    const sysFlag = numberOf(asked, "sysFlag")!
    const subVersion = numberOf(asked, "subVersion")!
    const known = this.#subscribed.get(group)?.get(topic)
    const isGiven = (sysFlag & 4) !== 0 && !group.endsWith("GroupLite")
    if (isGiven || (known !== undefined && (known >= subVersion || theirs?.code === 25))) return
    const isSql = textOf(asked, "expressionType") === "SQL92"
    const subString = isSql ? "a BETWEEN 1 AND 9" : group.endsWith("GroupTag") && !topic.startsWith("%") ? tagged : "*"
    const before = [...(this.#subscribed.get(group) ?? [])].filter(([name]) => name !== topic)
    const subscriptions = [
      ...before.map(([name, version]) => subscription(name, "*", "TAG", version)),
      subscription(topic, subString, isSql ? "SQL92" : "TAG", subVersion),
    ]
    this.#beat(client, group, subscriptions, asked.version)
    this.#subscribed.set(group, new Map([...before, [topic, subVersion]]))
    this.#prepared.push(`heartbeat of ${group} for ${topic}`)
  }

  /** Sends the heartbeat that a member sent before it was assigned something: those of POP's group were left out. */
  #join({ asked }: Recorded): void {
    const { clientId, consumerGroup } = JSON.parse(asked.body.toString()) as {
      readonly clientId: string
      readonly consumerGroup: string
    }
    if (this.#clientIds.get(this.#peer(clientId)) === clientId) return
    this.#beat(clientId, consumerGroup, [], asked.version)
    this.#clientIds.set(this.#peer(clientId), clientId)
    this.#prepared.push(`heartbeat of ${consumerGroup}`)
  }

  #beat(client: string, group: string, subscriptionDataSet: ReadonlyArray<unknown>, version: number): void {
    const body = {
      clientID: client,
      consumerDataSet: [
        {
          consumeFromWhere: "CONSUME_FROM_FIRST_OFFSET",
          consumeType: "CONSUME_PASSIVELY",
          groupName: group,
          messageModel: group.endsWith("GroupBc") ? "BROADCASTING" : "CLUSTERING",
          subscriptionDataSet,
          unitMode: false,
        },
      ],
      producerDataSet: [],
    }
    this.#ask(client, RequestCode.HEART_BEAT, {}, Buffer.from(JSON.stringify(body)), version)
  }

  /** Before a send whose recorded place is further on than ours would be. */
  #fillSend({ asked }: Recorded, topic: string, theirs: Command.Command): void {
    const properties = Recording.propertiesOf(asked)
    const isElsewhere = [PropertyName.DELAY, PropertyName.TRAN_MSG, ...timers].some(
      (name) => Properties.find(properties, name) !== undefined,
    )
    if (isElsewhere || topic.includes("REPLY_TOPIC")) return
    this.#fill(topic, numberOf(theirs, "queueId")!, numberOf(theirs, "queueOffset")!)
  }

  /** Makes a queue as long as the recorded one was, by messages of the recording. */
  #fill(topic: string, queueId: number, end: number): void {
    // A delayed message may be due any moment.
    for (let waited = 0; waited < 10 && this.#end(topic, queueId) < end; waited++)
      if (this.#isDelayed(topic, queueId)) this.#started.cluster.sim.runFor(100)
    for (let queueOffset = this.#end(topic, queueId); queueOffset < end; queueOffset++) {
      const message = this.#recording.messages.get(place(topic, queueId, queueOffset))
      if (message !== undefined) this.#standIn(message)
      else this.#send("message never handed out", topic, queueId, queueOffset, { f: 0, g: 0, h: 0, i: "" }, unknownBody)
    }
  }

  #isDelayed(topic: string, queueId: number): boolean {
    const message = this.#recording.messages.get(place(topic, queueId, this.#end(topic, queueId)))
    return message !== undefined && Properties.find(message.properties, PropertyName.DELAY) !== undefined
  }

  #end(topic: string, queueId: number): number {
    const answer = this.#ask("other", RequestCode.GET_MAX_OFFSET, { queueId, topic })
    return numberOf(answer, "offset")!
  }

  #standIn(message: StoredMessage.StoredMessage): void {
    const { body, bornTimestamp, flag, physicalOffset, properties, queueId, queueOffset, sysFlag, topic } = message
    const kept = [...Properties.parse(Recording.sentProperties(properties))]
    const i = Properties.print(kept.filter(([name]) => !notInStandIns.has(name)))
    const ext = { f: sysFlag & ~0xc, g: bornTimestamp, h: flag, i }
    const ourOffset = this.#send(originOf(properties), topic, queueId, queueOffset, ext, body)
    this.#offsets.set(physicalOffset, ourOffset)
  }

  /** Sends one message that must get this place; its CommitLog offset. */
  #send(why: string, topic: string, queueId: number, queueOffset: number, own: Command.Ext, body: Buffer): number {
    const ext = { a: "stand-ins", b: topic, c: "TBW102", d: 4, e: queueId, ...own }
    const answer = this.#ask("other", RequestCode.SEND_MESSAGE_V2, ext, body)
    const id = MessageId.decode(textOf(answer, "msgId") ?? "")
    if (id instanceof Error || numberOf(answer, "queueOffset") !== queueOffset)
      throw new Error(`a stand-in is refused: ${answer.code} ${answer.remark}`)
    this.#standIns.add(place(topic, queueId, queueOffset))
    this.#prepared.push(`${why} ${place(topic, queueId, queueOffset)}`)
    return id.physicalOffset
  }

  #createGroup(groupName: string): void {
    const body = Buffer.from(JSON.stringify({ groupName }))
    this.#ask("other", RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, {}, body)
    this.#prepared.push(`group ${groupName}`)
  }

  #ask(client: string, code: number, ext: Command.Ext, body?: Buffer, version?: number): Command.Command {
    const request = Command.request(code, this.#opaque++, ext, body)
    const answer = this.#peer(client).ask(Command.encode({ ...request, version: version ?? request.version }), 1000)
    if (answer === undefined) throw new Error(`no answer to ${code}`)
    return answer
  }

  /** Notes which of our CommitLog offsets stands for a recorded one. */
  #learn({ asked, code, theirs }: Recorded, ours: Command.Command): void {
    // A reply that could not be handed on is stored all the same.
    if (theirs?.code !== ours.code || (ours.code !== 0 && !isReply(code))) return
    if (isSend(code) || isReply(code)) {
      if (Properties.find(Recording.propertiesOf(asked), PropertyName.TRAN_MSG) !== undefined) this.#learnHalf(ours)
      const ourIds = (textOf(ours, "msgId") ?? "").split(",")
      for (const [i, theirId] of (textOf(theirs, "msgId") ?? "").split(",").entries()) {
        const left = MessageId.decode(theirId)
        const right = MessageId.decode(ourIds[i] ?? "")
        if (!(left instanceof Error) && !(right instanceof Error))
          this.#offsets.set(left.physicalOffset, right.physicalOffset)
      }
    }
    if (!Recording.bodyIsMessages(code)) return
    const ourMessages = new Map(
      Recording.messagesOf(ours).map((one) => [place(one.topic, one.queueId, one.queueOffset), one.physicalOffset]),
    )
    for (const one of Recording.messagesOf(theirs)) {
      const found = ourMessages.get(place(one.topic, one.queueId, one.queueOffset))
      if (found !== undefined) this.#offsets.set(one.physicalOffset, found)
    }
  }

  #learnHalf(ours: Command.Command): void {
    const id = MessageId.decode(textOf(ours, "msgId") ?? "")
    if (id instanceof Error) return
    this.#halves.set(textOf(ours, "transactionId") ?? "", {
      commitLogOffset: String(id.physicalOffset),
      tranStateTableOffset: String(numberOf(ours, "queueOffset")),
    })
  }

  #note({ asked, client, code }: Recorded): void {
    if (code !== RequestCode.HEART_BEAT) return
    this.#clientIds.set(this.#peer(client), Recording.heartbeatOf(asked).clientID)
    for (const { groupName, subscriptionDataSet } of Recording.heartbeatOf(asked).consumerDataSet)
      this.#subscribed.set(
        groupName,
        new Map(subscriptionDataSet.map(({ subVersion, topic }) => [topic, subVersion] as const)),
      )
  }
}

const unknownBody = Buffer.from("not recorded")

const isSend = (code: number): boolean =>
  code === RequestCode.SEND_MESSAGE || code === RequestCode.SEND_MESSAGE_V2 || code === RequestCode.SEND_BATCH_MESSAGE

const isSuspendable = (asked: Command.Command): boolean => ((numberOf(asked, "sysFlag") ?? 0) & 2) !== 0

/** A client that unregisters its inner producer closes its connection next. */
const endsClient = ({ asked, code }: Recorded): boolean =>
  code === RequestCode.UNREGISTER_CLIENT && textOf(asked, "producerGroup") === "CLIENT_INNER_PRODUCER"

/** What the recorded consumer of the scenario push-consumer-tag subscribes, by the messages that it got. */
const tagged = "TagA || TagC"

const subscription = (topic: string, subString: string, expressionType: string, subVersion: number) => {
  const tags = subString === "*" || expressionType !== "TAG" ? [] : subString.split(" || ")
  const codeSet = tags.map((tag) => [...tag].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) | 0, 0))
  return { classFilterMode: false, codeSet, expressionType, subString, subVersion, tagsSet: tags, topic }
}

const timers = [PropertyName.TIMER_DELIVER_MS, PropertyName.TIMER_DELAY_MS, PropertyName.TIMER_DELAY_SEC] as const

/** With these a stand-in would be delayed, or a half message, again. */
const notInStandIns: ReadonlySet<string> = new Set([PropertyName.TRAN_MSG, PropertyName.DELAY, ...timers])

const originOf = (properties: string): string => {
  if (Properties.find(properties, PropertyName.TRAN_MSG) !== undefined) return "transaction's message"
  if (timers.some((name) => Properties.find(properties, name) !== undefined)) return "timer message"
  if (Properties.find(properties, PropertyName.DELAY) !== undefined) return "delayed message"
  return "message"
}
