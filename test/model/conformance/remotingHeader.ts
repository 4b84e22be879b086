/** Vectors of remoting-header.json: frames of the remoting protocol, headers and bodies. */
import { expect } from "vitest"
import * as Admin from "../../../src/format/Admin.ts"
import * as Command from "../../../src/format/Command.ts"
import { ConsumerOffsets, GroupConfig, Topics } from "../../../src/format/ConfigJson.ts"
import { ConsumeStats, ResetOffsets } from "../../../src/format/ConsumeStats.ts"
import * as Ext from "../../../src/format/Ext.ts"
import { Heartbeat } from "../../../src/format/Heartbeat.ts"
import type { Header, Parameters } from "../../../src/format/header.ts"
import type { Language } from "../../../src/format/Language.ts"
import { LockBatch } from "../../../src/format/LockBatch.ts"
import { Malformed } from "../../../src/format/Malformed.ts"
import * as NameServer from "../../../src/format/NameServer.ts"
import * as PullMessage from "../../../src/format/PullMessage.ts"
import { RouteData } from "../../../src/format/RouteData.ts"
import * as SendMessage from "../../../src/format/SendMessage.ts"
import type { Members, RecordShape } from "../../../src/format/shape.ts"
import { legacy, map, pretty, text } from "../../../src/format/shape.ts"
import type { Account, Case } from "./Account.ts"
import { bytesOf, hex, isError, valueOf } from "./bytes.ts"

/** Parameters as texts, without the absent ones. */
const texts = (ext: Ext.Ext) =>
  Object.fromEntries(
    Object.keys(ext).flatMap((name) => {
      const value = Ext.text(ext, name)
      return value === undefined ? [] : [[name, value]]
    }),
  )

/** A message model of 5.5.0 that we read as CLUSTERING. */
const known = (json: string) => json.replace("LITE_SELECTIVE", "CLUSTERING")

/** Decodes a frame behind its length and compares it with what Java decodes. */
const expectDecoded = (bytes: Buffer, start: number, expected: Case["expected"], note: string) => {
  const command = valueOf(Command.decode(bytes, start, bytes.length))
  const extFields = Object.entries((expected.extFields ?? {}) as Record<string, string | null>)
  expect(
    {
      code: command.code,
      language: command.language ?? null,
      version: command.version,
      opaque: command.opaque,
      flag: command.flag,
      remark: command.remark ?? null,
      ext: texts(command.ext),
      response: Command.isResponse(command),
      oneway: Command.isOneway(command),
    },
    note,
  ).toEqual({
    code: expected.code,
    language: expected.language,
    version: expected.version,
    opaque: expected.opaque,
    flag: expected.flag,
    remark: expected.remark,
    ext: Object.fromEntries(extFields.flatMap(([name, value]) => (value === null ? [] : [[name, value]]))),
    response: expected.response,
    oneway: expected.oneway,
  })
  return command
}

/** Where we read what 5.5.0 refuses: older peers send it, or it harms nothing. */
const tolerated = new Set([
  "{opaque:1,code:5}",
  '{"opaque":1,"extFields":{1:"a"}}',
  '{"opaque":1,"extFields":{a:"b"}}',
  '{"opaque":1,"body":"aGk="}',
])

const classes: Readonly<Record<string, Header<Parameters>>> = {
  SendMessageRequestHeader: SendMessage.SendMessage,
  SendMessageResponseHeader: SendMessage.SendMessageAnswer,
  ConsumerSendMsgBackRequestHeader: SendMessage.ConsumerSendMsgBack,
  EndTransactionRequestHeader: SendMessage.EndTransaction,
  CheckTransactionStateRequestHeader: SendMessage.CheckTransactionState,
  ReplyMessageRequestHeader: SendMessage.PushReplyMessage,
  RecallMessageRequestHeader: SendMessage.RecallMessage,
  PullMessageRequestHeader: PullMessage.PullMessage,
  PullMessageResponseHeader: PullMessage.PullMessageAnswer,
  QueryConsumerOffsetRequestHeader: PullMessage.QueryConsumerOffset,
  UpdateConsumerOffsetRequestHeader: PullMessage.UpdateConsumerOffset,
  SearchOffsetRequestHeader: PullMessage.SearchOffset,
  SearchOffsetResponseHeader: PullMessage.OffsetAnswer,
  GetMaxOffsetRequestHeader: PullMessage.GetMaxOffset,
  GetMinOffsetRequestHeader: PullMessage.GetMinOffset,
  GetEarliestMsgStoretimeResponseHeader: PullMessage.StoretimeAnswer,
  ViewMessageRequestHeader: PullMessage.ViewMessage,
  QueryMessageResponseHeader: PullMessage.QueryMessageAnswer,
  GetConsumerListByGroupRequestHeader: PullMessage.ConsumerGroupOf,
  UnregisterClientRequestHeader: PullMessage.UnregisterClient,
  RegisterBrokerRequestHeader: NameServer.RegisterBroker,
  RegisterBrokerResponseHeader: NameServer.RegisterBrokerAnswer,
  UnRegisterBrokerRequestHeader: NameServer.BrokerOf,
  QueryDataVersionResponseHeader: NameServer.QueryDataVersionAnswer,
  BrokerHeartbeatRequestHeader: NameServer.BrokerHeartbeat,
  GetBrokerMemberGroupRequestHeader: NameServer.GetBrokerMemberGroup,
  NotifyMinBrokerIdChangeRequestHeader: NameServer.NotifyMinBrokerIdChange,
  GetRouteInfoRequestHeader: NameServer.GetRouteInfo,
  PutKVConfigRequestHeader: NameServer.PutKvConfig,
  CreateTopicRequestHeader: Admin.CreateTopic,
  GetConsumeStatsRequestHeader: Admin.GetConsumeStats,
  ResetOffsetRequestHeader: Admin.ResetOffset,
  GetConsumerRunningInfoRequestHeader: Admin.GetConsumerRunningInfo,
  ConsumeMessageDirectlyResultRequestHeader: Admin.ConsumeMessageDirectly,
  CloneGroupOffsetRequestHeader: Admin.CloneGroupOffset,
  DeleteSubscriptionGroupRequestHeader: Admin.DeleteSubscriptionGroup,
  DeleteTopicRequestHeader: Admin.TopicOf,
  GetAllSubscriptionGroupRequestHeader: Admin.GetAllSubscriptionGroup,
  GetAllSubscriptionGroupResponseHeader: Admin.GetAllSubscriptionGroupAnswer,
  GetAllTopicConfigRequestHeader: Admin.GetAllTopicConfig,
  GetAllTopicConfigResponseHeader: Admin.GetAllTopicConfigAnswer,
  GetConsumeStatsInBrokerHeader: Admin.GetBrokerConsumeStats,
  GetConsumerConnectionListRequestHeader: PullMessage.ConsumerGroupOf,
  GetConsumerStatusRequestHeader: Admin.GetConsumerStatus,
  GetEarliestMsgStoretimeRequestHeader: PullMessage.GetMinOffset,
  GetMaxOffsetResponseHeader: PullMessage.OffsetAnswer,
  GetMinOffsetResponseHeader: PullMessage.OffsetAnswer,
  GetProducerConnectionListRequestHeader: Admin.ProducerGroupOf,
  GetSubscriptionGroupConfigRequestHeader: Admin.GroupOf,
  GetTopicConfigRequestHeader: Admin.GetTopicConfig,
  GetTopicStatsInfoRequestHeader: Admin.TopicOf,
  GetTopicsByClusterRequestHeader: NameServer.GetTopicsByCluster,
  QueryConsumeQueueRequestHeader: Admin.QueryConsumeQueue,
  QueryConsumeTimeSpanRequestHeader: Admin.TopicOfGroup,
  QueryConsumerOffsetResponseHeader: PullMessage.OffsetAnswer,
  QueryCorrectionOffsetHeader: Admin.QueryCorrectionOffset,
  QueryMessageRequestHeader: PullMessage.QueryMessage,
  QuerySubscriptionByConsumerRequestHeader: Admin.QuerySubscription,
  QueryTopicConsumeByWhoRequestHeader: Admin.TopicOf,
  QueryTopicsByConsumerRequestHeader: Admin.GroupOf,
  UpdateGroupForbiddenRequestHeader: Admin.GroupForbidden,
  ViewBrokerStatsDataRequestHeader: Admin.ViewBrokerStats,
  AddWritePermOfBrokerRequestHeader: NameServer.WritePermOfBroker,
  AddWritePermOfBrokerResponseHeader: NameServer.AddWritePermAnswer,
  DeleteKVConfigRequestHeader: NameServer.KvConfigOf,
  DeleteTopicFromNamesrvRequestHeader: NameServer.DeleteTopicInNamesrv,
  GetKVConfigRequestHeader: NameServer.KvConfigOf,
  GetKVConfigResponseHeader: NameServer.GetKvConfigAnswer,
  GetKVListByNamespaceRequestHeader: NameServer.GetKvListByNamespace,
  QueryDataVersionRequestHeader: NameServer.BrokerOf,
  WipeWritePermOfBrokerRequestHeader: NameServer.WritePermOfBroker,
  WipeWritePermOfBrokerResponseHeader: NameServer.WipeWritePermAnswer,
}

const bodies: Readonly<Record<string, RecordShape<Members>>> = {
  TopicRouteData: RouteData,
  ConsumeStats,
  LockBatchRequestBody: LockBatch,
  ResetOffsetBody: ResetOffsets,
  HeartbeatData: Heartbeat,
  SubscriptionGroupConfig: GroupConfig,
  TopicConfigSerializeWrapper: Topics,
}

/** What a header of the recording belongs to when none is declared here. */
const whose: ReadonlyArray<readonly [RegExp, string]> = [
  [/^(?:Ack|ChangeInvisible|Notification|Peek|Polling|Pop(?!Lite))/, "POP"],
  [/Lite|ParentTopic/, "lite topics"],
  [/Acl|User/, "access control"],
  [
    /^(?:AlterSync|Elect|GetMetaData|GetReplica|CleanController|ApplyBrokerId|GetNextBrokerId|RegisterBrokerToC)/,
    "the controller",
  ],
  [/HAInfo|MasterFlushOffset|RoleChanged/, "replication"],
  [/Rocksdb|RocksDB/, "RocksDB"],
  [/^(?:Add|Remove)BrokerRequest/, "broker containers"],
  [/^(?:Recall)/, "timers"],
]

export const account: Account = {
  checks: {
    encode: {
      holds: (one) => {
        const ext =
          one["extOrder"] === null
            ? Command.noExt
            : (Object.fromEntries(one["extOrder"] as [string, string][]) as Ext.Ext)
        const frame = Command.encode({
          code: one["code"] as number,
          language: one["language"] as Language,
          version: one["version"] as number,
          opaque: one["opaque"] as number,
          flag: one["flag"] as number,
          remark: (one["remark"] as string | null) ?? undefined,
          ext,
          body: bytesOf(one["body"] as string | null),
          serialize: one["type"] === "JSON" ? 0 : 1,
        })
        const { expected } = one
        // An object lists keys that are digits first: the order of such parameters is not kept, their meaning is.
        const isOrdered = Object.keys(ext).every((key, index) => key === one["extOrder"]?.[index]?.[0])
        if (isOrdered) expect(hex(frame), JSON.stringify(one)).toBe(expected.frame)
        // Java reads an empty name as the text null.
        if ("" in ext) return "an empty name of a parameter stays empty; Java reads the text null"
        expectDecoded(bytesOf(expected.frame as string), 4, expected.decoded, JSON.stringify(one))
        return isOrdered ? undefined : "parameters whose names are digits come first; their meaning is kept"
      },
    },
    decode: {
      holds: (one) => {
        const bytes = bytesOf(one["bytes"] as string)
        const json = bytes.toString("utf8", 4)
        // Java resolves references in a header; no peer sends them, and here they are text.
        if (json.includes("$ref")) return "references in a header are text; no peer sends them"
        const refused = Command.decode(bytes, 0, bytes.length) instanceof Malformed
        if (tolerated.has(json)) {
          expect(refused, json).toBe(false)
          return "read where 5.5.0 refuses: older peers send it, or it harms nothing"
        }
        if (isError(one.expected)) expect(refused, json).toBe(true)
        else expectDecoded(bytes, 0, one.expected, json)
        return undefined
      },
    },
    customHeader: {
      holds: (one) => {
        const name = one["class"] as string
        const declared = classes[name]
        const feature = whose.find(([names]) => names.test(name))?.[1]
        if (declared === undefined)
          return feature === undefined ? "no parameter of it is read here" : { absent: feature }
        const ext = one.expected as Record<string, string>
        const value = declared.decode(ext)
        if (value instanceof Malformed) {
          // Java leaves a missing parameter null; and a random long may lie beyond what a number holds exactly.
          expect(value.reason).toMatch(/is missing|is no number: -?\d{16,}/)
          return "refused: a parameter is missing, or beyond what a number holds exactly; Java leaves null"
        }
        const written = texts(declared.encode(value))
        for (const key of Object.values(declared.keys)) if (key in ext) expect(written[key], name).toBe(ext[key])
      },
    },
    jsonBody: {
      holds: (one) => {
        const { compact, pretty: indented } = one.expected as { compact: string; pretty: string }
        const name = one["class"] as string
        const shape = bodies[name]
        if (name === "Map") {
          const value = valueOf(map(text).read(JSON.parse(compact)))
          expect(map(text).print(value, legacy, "")).toBe(compact)
          expect(map(text).print(value, pretty, "")).toBe(indented)
        } else if (name === "ConsumerOffsetSerializeWrapper") {
          // Written by a bean without a data version, which ours always has.
          const value = valueOf(ConsumerOffsets.decode(Buffer.from(compact)))
          expect(ConsumerOffsets.print(value, legacy, "")).toBe(
            `{"dataVersion":{"counter":0,"stateVersion":0,"timestamp":0},${compact.slice(1)}`,
          )
        } else {
          if (shape === undefined) throw new Error(`no shape for ${name}`)
          const value = valueOf(shape.decode(Buffer.from(compact)))
          expect(shape.print(value, legacy, "")).toBe(known(compact))
          expect(shape.print(value, pretty, "")).toBe(known(indented))
          expect(shape.decode(Buffer.from(indented))).toEqual(value)
        }
      },
    },
    jsonStandardText: {
      holds: (one) => {
        expect(text.print(one["text"] as string, legacy, "")).toBe(one.expected)
      },
    },
  },
  absent: { mark: "part of encode and decode, whose whole frames hold it" },
}
