/** What administrators do with name servers. Each of them keeps its own, so each of them is told. */
import type { Ext } from "../../format/Command.ts"
import { Malformed } from "../../format/Malformed.ts"
import {
  AddWritePermAnswer,
  KvConfigOf,
  PutKvConfig,
  WipeWritePermAnswer,
  WritePermOfBroker,
} from "../../format/NameServer.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { CliFault } from "../CliFault.ts"
import * as PropertyFile from "../../format/PropertyFile.ts"
import type { Admin } from "./Admin.ts"
import type { Handler, Handlers } from "./AdminWords.ts"
import * as Output from "./Output.ts"

const getNamesrvConfig: Handler = async (admin) => {
  const answers = await admin.askNameServers({ code: RequestCode.GET_NAMESRV_CONFIG })
  return Output.parts(
    Object.fromEntries(
      answers.map(([address, { body }]) => [
        PeerAddress.print(address),
        settings(`name server ${PeerAddress.print(address)}`, body.toString()),
      ]),
    ),
  )
}

/** The settings of a property file's text under a title, sorted by name. */
export const settings = (title: string, text: string): Output.Output => {
  const entries = PropertyFile.parse(text, title).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const rows = entries.map(({ name, value }) => [name, Output.visible(value)])
  return {
    json: Object.fromEntries(entries.map(({ name, value }) => [name, value])),
    text: `${title}\n${Output.aligned(["SETTING", "VALUE"], rows, new Set())}`,
  }
}

const updateNamesrvConfig: Handler = async (admin, call) => {
  const [name, value] = [call.text("key")!, call.text("value")!]
  await admin.askNameServers({
    body: Buffer.from(`${PropertyFile.escape(name)}=${PropertyFile.escape(value)}\n`),
    code: RequestCode.UPDATE_NAMESRV_CONFIG,
  })
  return onEach(admin, `${name}=${value}`)
}

const onEach = (admin: Admin, result: string): Output.Output =>
  Output.table(
    {
      nameServer: { cell: (address) => PeerAddress.print(address), title: "NAME SERVER" },
      result: { cell: () => result, title: "RESULT" },
    },
    admin.cluster.nameServers,
  )

const updateKvConfig: Handler = async (admin, call) => {
  const [namespace, key, value] = [call.text("namespace")!, call.text("key")!, call.text("value")!]
  await admin.askNameServers({ code: RequestCode.PUT_KV_CONFIG, ext: PutKvConfig.encode({ key, namespace, value }) })
  return onEach(admin, `${namespace}/${key} is ${value}`)
}

const deleteKvConfig: Handler = async (admin, call) => {
  const [namespace, key] = [call.text("namespace")!, call.text("key")!]
  await admin.askNameServers({ code: RequestCode.DELETE_KV_CONFIG, ext: KvConfigOf.encode({ key, namespace }) })
  return onEach(admin, `${namespace}/${key} is deleted`)
}

/** One of the two commands about a broker's write permission. */
const writePerm =
  (code: number, read: (ext: Ext) => number | Malformed): Handler =>
  async (admin, call) => {
    const { brokerName } = await admin.named(call.text("brokerName")!)
    const answers = await admin.askNameServers({ code, ext: WritePermOfBroker.encode({ brokerName }) })
    const rows = answers.map(([address, { ext }]) => {
      const topics = read(ext)
      if (topics instanceof Malformed)
        throw new CliFault(
          `The name server ${PeerAddress.print(address)} answers what cannot be read: ${topics.message}.`,
        )
      return { address, topics }
    })
    return Output.table(
      {
        nameServer: { cell: ({ address }) => PeerAddress.print(address), title: "NAME SERVER" },
        broker: { cell: () => brokerName, title: "BROKER" },
        topics: { cell: ({ topics }) => topics, title: "TOPICS CHANGED" },
      },
      rows,
    )
  }

const wipeWritePerm = writePerm(RequestCode.WIPE_WRITE_PERM_OF_BROKER, (ext) => {
  const answer = WipeWritePermAnswer.decode(ext)
  return answer instanceof Malformed ? answer : answer.wipeTopicCount
})

const addWritePerm = writePerm(RequestCode.ADD_WRITE_PERM_OF_BROKER, (ext) => {
  const answer = AddWritePermAnswer.decode(ext)
  return answer instanceof Malformed ? answer : answer.addTopicCount
})

export const handlers: Handlers = {
  addWritePerm,
  deleteKvConfig,
  getNamesrvConfig,
  updateKvConfig,
  updateNamesrvConfig,
  wipeWritePerm,
}
