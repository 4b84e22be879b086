/**
 * The JSON files of a store's `config/`, in the form 5.5.0 writes them, tabs included; read tolerantly, since older
 * releases lay them out otherwise and leave members out. The same tables travel to replicas and administrators on one
 * line. A member `gantry` of ours says how much of the log a file covers.
 * Source: spec/store.md, config files.
 */
import { Malformed } from "./Malformed.ts"
import {
  attributes,
  choice,
  flag,
  int,
  list,
  long,
  map,
  numberMap,
  optional,
  orElse,
  pretty,
  record,
  tableSizeMax,
  text,
} from "./shape.ts"

export const DataVersion = record("DataVersion", {
  stateVersion: orElse(long, 0),
  timestamp: orElse(long, 0),
  counter: orElse(long, 0),
})
export type DataVersion = typeof DataVersion.Type

/** Ours, in each file: Apache RocketMQ ignores it, and drops it when it writes the file. */
const Mark = record("GantryMark", { commitLogOffset: long })

/**
 * A topic that was deleted: where the log says so, and by queue id the offset at which it goes on when it is made again.
 * The ids are texts: 5.5.0 refuses a file with bare numbers as names in a member that it does not know.
 */
const Deleted = record("DeletedTopic", { commitLogOffset: long, nextOffsets: map(long) })
export type Deleted = typeof Deleted.Type

const TopicsMark = record("GantryTopicsMark", { commitLogOffset: long, deleted: optional(map(Deleted)) })

const noVersion: DataVersion = { stateVersion: 0, timestamp: 0, counter: 0 }

export const TopicConfig = record("TopicConfig", {
  topicName: text,
  readQueueNums: orElse(int, 16),
  writeQueueNums: orElse(int, 16),
  perm: orElse(int, 6),
  topicFilterType: orElse(choice(["SINGLE_TAG", "MULTI_TAG"], "SINGLE_TAG"), "SINGLE_TAG"),
  topicSysFlag: orElse(int, 0),
  order: orElse(flag, false),
  attributes: orElse(attributes, {}),
})

/** `topics.json`. */
export const Topics = record(
  "topics.json",
  {
    gantry: optional(TopicsMark),
    dataVersion: orElse(DataVersion, noVersion),
    topicConfigTable: orElse(map(TopicConfig), new Map()),
  },
  tableSizeMax,
)
export type Topics = typeof Topics.Type

const RetryPolicy = record("GroupRetryPolicy", {
  type: orElse(choice(["EXPONENTIAL", "CUSTOMIZED"], "CUSTOMIZED"), "CUSTOMIZED"),
  customizedRetryPolicy: optional(record("CustomizedRetryPolicy", { next: orElse(list(long), []) })),
  exponentialRetryPolicy: optional(
    record("ExponentialRetryPolicy", {
      initial: orElse(long, 5000),
      max: orElse(long, 7_200_000),
      multiplier: orElse(long, 2),
    }),
  ),
})

const SimpleSubscription = record("SimpleSubscriptionData", {
  topic: text,
  expression: orElse(text, "*"),
  expressionType: orElse(text, "TAG"),
  version: orElse(long, 0),
})

/** One group, as in `subscriptionGroup.json`; also the body of 200 and of the answer to 352. */
export const GroupConfig = record("SubscriptionGroupConfig", {
  groupName: text,
  consumeEnable: orElse(flag, true),
  consumeFromMinEnable: orElse(flag, true),
  consumeBroadcastEnable: orElse(flag, true),
  consumeMessageOrderly: orElse(flag, false),
  retryQueueNums: orElse(int, 1),
  retryMaxTimes: orElse(int, 16),
  groupRetryPolicy: orElse(RetryPolicy, { type: "CUSTOMIZED" }),
  brokerId: orElse(long, 0),
  whichBrokerWhenConsumeSlowly: orElse(long, 1),
  notifyConsumerIdsChangedEnable: orElse(flag, true),
  groupSysFlag: orElse(int, 0),
  consumeTimeoutMinute: orElse(int, 15),
  subscriptionDataSet: optional(list(SimpleSubscription)),
  attributes: orElse(attributes, {}),
})

/** `subscriptionGroup.json`. `forbiddenTable`: group to topic to bits. */
export const SubscriptionGroups = record(
  "subscriptionGroup.json",
  {
    gantry: optional(Mark),
    dataVersion: orElse(DataVersion, noVersion),
    forbiddenTable: orElse(map(map(int)), new Map()),
    subscriptionGroupTable: orElse(map(GroupConfig), new Map()),
  },
  tableSizeMax,
)
export type SubscriptionGroups = typeof SubscriptionGroups.Type

/** The body of UPDATE_AND_CREATE_TOPIC_LIST (18). */
export const TopicConfigList = record(
  "CreateTopicListRequestBody",
  { topicConfigList: orElse(list(TopicConfig), []) },
  tableSizeMax,
)
export type TopicConfigList = typeof TopicConfigList.Type

/** The body of UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST (225). */
export const GroupConfigList = record(
  "SubscriptionGroupList",
  { groupConfigList: orElse(list(GroupConfig), []) },
  tableSizeMax,
)
export type GroupConfigList = typeof GroupConfigList.Type

/** The answer to UPDATE_AND_GET_GROUP_FORBIDDEN (353). */
export const Forbidden = record("GroupForbidden", { group: text, readable: orElse(flag, true), topic: text })
export type Forbidden = typeof Forbidden.Type

/** Resets that no pull has taken up yet: by `topic@group`, then by queue id as a text, where they lead. */
const OffsetsMark = record("GantryOffsetsMark", {
  commitLogOffset: long,
  ordered: optional(map(list(text))),
  resets: optional(map(map(long))),
})

/**
 * `consumerOffset.json`: by `topic@group`, the next offset of each queue. `groupTopicMap` is derived from it and only
 * written; `pullOffsetTable` is written by 5.5.0 and read by nobody.
 */
export const ConsumerOffsets = record(
  "consumerOffset.json",
  {
    gantry: optional(OffsetsMark),
    dataVersion: orElse(DataVersion, noVersion),
    groupTopicMap: optional(map(list(text))),
    offsetTable: orElse(map(numberMap(long)), new Map()),
    pullOffsetTable: optional(map(numberMap(long))),
  },
  tableSizeMax,
)
export type ConsumerOffsets = typeof ConsumerOffsets.Type

/**
 * `ahead`: by delay level as a text, runs of queue offsets behind the next one that are delivered, `[first, end)`.
 * `tables`: the tables of delay levels, in ms, and from where in the log on each was in force.
 */
const DelayMark = record("GantryDelayMark", {
  commitLogOffset: long,
  ahead: optional(map(list(list(long)))),
  tables: optional(list(record("GantryDelayTable", { commitLogOffset: long, delaysMs: list(long) }))),
})

/** `delayOffset.json`: by delay level (from 1), the next queue offset to deliver. */
export const DelayOffsets = record(
  "delayOffset.json",
  {
    gantry: optional(DelayMark),
    dataVersion: orElse(DataVersion, noVersion),
    offsetTable: orElse(numberMap(long), new Map()),
  },
  tableSizeMax,
)
export type DelayOffsets = typeof DelayOffsets.Type

/** How a group gets a topic's messages; also the body of SET_MESSAGE_REQUEST_MODE (401). */
export const RequestModeSetting = record("SetMessageRequestModeRequestBody", {
  consumerGroup: text,
  mode: orElse(choice(["PULL", "POP"], "PULL"), "PULL"),
  popShareQueueNum: orElse(int, 0),
  topic: text,
})

const BloomData = record("BloomFilterData", { bitNum: int, bitPos: orElse(list(int), []) })

const ConsumerFilterData = record("ConsumerFilterData", {
  bloomFilterData: optional(BloomData),
  bornTime: orElse(long, 0),
  clientVersion: orElse(long, 0),
  consumerGroup: text,
  dead: orElse(flag, false),
  deadTime: orElse(long, 0),
  expression: orElse(text, ""),
  expressionType: orElse(text, "SQL92"),
  /** Ours: where the log ended when it was first heard of. Absent: Apache RocketMQ wrote it. */
  gantryBornOffset: optional(long),
  topic: text,
})

/** `consumerFilter.json`. */
export const ConsumerFilters = record(
  "consumerFilter.json",
  {
    filterDataByTopic: orElse(
      map(
        record("FilterDataMapByTopic", {
          groupFilterData: orElse(map(ConsumerFilterData), new Map()),
          topic: text,
        }),
      ),
      new Map(),
    ),
  },
  tableSizeMax,
)
export type ConsumerFilters = typeof ConsumerFilters.Type

/** `messageRequestMode.json`: topic to group to setting; also the answer to GET_ALL_MESSAGE_REQUEST_MODE (402). */
export const RequestModes = record(
  "messageRequestMode.json",
  { gantry: optional(Mark), messageRequestModeMap: orElse(map(map(RequestModeSetting)), new Map()) },
  tableSizeMax,
)
export type RequestModes = typeof RequestModes.Type

/**
 * `gantryTransactions.json`: how much of the log was searched for ends of transactions. A file of ours: Apache RocketMQ
 * leaves it alone.
 */
export const TransactionProgress = record("gantryTransactions.json", { gantry: optional(Mark) })

/** A file's content, and how much of the log it covers, in bytes; undefined when another program wrote it last. */
export type Positioned<T> = Omit<T, "gantry"> & { readonly position: number | undefined }

const read = <T extends { readonly gantry?: { readonly commitLogOffset: number } }>(
  file: { readonly parse: (text: string) => T | Malformed },
  text: string,
): Positioned<T> | Malformed => {
  const content = file.parse(text)
  if (content instanceof Malformed) return content
  const { gantry, ...rest } = content
  return { ...rest, position: gantry?.commitLogOffset }
}

const mark = (position: number | undefined) => (position === undefined ? {} : { gantry: { commitLogOffset: position } })

export const parseTopics = (text: string) => {
  const topics = Topics.parse(text)
  if (topics instanceof Malformed) return topics
  const { gantry, ...rest } = topics
  return { ...rest, deleted: gantry?.deleted ?? new Map<string, Deleted>(), position: gantry?.commitLogOffset }
}
export const parseSubscriptionGroups = (text: string) => read(SubscriptionGroups, text)
export const parseConsumerFilters = (text: string) => ConsumerFilters.parse(text)
export const parseRequestModes = (text: string) => read(RequestModes, text)
export const parseConsumerOffsets = (text: string) => {
  const offsets = ConsumerOffsets.parse(text)
  if (offsets instanceof Malformed) return offsets
  const { gantry, ...rest } = offsets
  const resets: NonNullable<NonNullable<typeof gantry>["resets"]> = gantry?.resets ?? new Map()
  const ordered: NonNullable<NonNullable<typeof gantry>["ordered"]> = gantry?.ordered ?? new Map()
  return { ...rest, ordered, position: gantry?.commitLogOffset, resets }
}
export const parseDelayOffsets = (text: string) => {
  const delays = DelayOffsets.parse(text)
  if (delays instanceof Malformed) return delays
  const { gantry, ...rest } = delays
  const ahead: NonNullable<NonNullable<typeof gantry>["ahead"]> = gantry?.ahead ?? new Map()
  return { ...rest, ahead, position: gantry?.commitLogOffset, tables: gantry?.tables ?? [] }
}
export const parseTransactionProgress = (text: string) => read(TransactionProgress, text)

/**
 * The content of each file as it lies in `config/`, in pieces: the tables are read as the pieces are asked for, and may
 * grow meanwhile.
 */
export const printTopics = ({
  deleted,
  position,
  ...topics
}: Positioned<Topics> & { readonly deleted?: ReadonlyMap<string, Deleted> }): Iterable<string> => {
  const hasDeleted = deleted !== undefined && deleted.size > 0
  const gantry =
    position === undefined ? {} : { gantry: { commitLogOffset: position, ...(hasDeleted ? { deleted } : {}) } }
  return Topics.pieces({ ...topics, ...gantry }, pretty, "")
}

export const printSubscriptionGroups = ({ position, ...groups }: Positioned<SubscriptionGroups>): Iterable<string> =>
  SubscriptionGroups.pieces({ ...groups, ...mark(position) }, pretty, "")

type ByGroup = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<number, number>>>

/** `committed` and `resets`: by group, topic and queue id the next offset. Pieces may be empty while the tables are prepared. */
export function* printConsumerOffsets({
  committed,
  dataVersion,
  ordered = new Map(),
  position,
  resets: pending = new Map(),
}: {
  readonly committed: ByGroup
  readonly resets?: ByGroup
  /** By group, the topics that it consumes in order. */
  readonly ordered?: ReadonlyMap<string, Iterable<string>>
  readonly dataVersion: DataVersion
  readonly position: number | undefined
}): Generator<string, void> {
  const offsetTable = new Map<string, ReadonlyMap<number, number>>()
  const groupTopicMap = new Map<string, Array<string>>()
  for (const [group, topics] of committed) {
    groupTopicMap.set(group, [...topics.keys()])
    for (const [topic, queues] of topics) {
      offsetTable.set(`${topic}@${group}`, queues)
      yield ""
    }
  }
  const resets = new Map<string, ReadonlyMap<string, number>>()
  for (const [group, topics] of pending)
    for (const [topic, queues] of topics)
      resets.set(`${topic}@${group}`, new Map([...queues].map(([queueId, offset]) => [String(queueId), offset])))
  const tables = { dataVersion, groupTopicMap, offsetTable, pullOffsetTable: new Map() }
  const inOrder = new Map([...ordered].map(([group, topics]) => [group, [...topics]] as const))
  const more = { ...(inOrder.size > 0 ? { ordered: inOrder } : {}), ...(resets.size > 0 ? { resets } : {}) }
  const gantry = position === undefined ? {} : { gantry: { commitLogOffset: position, ...more } }
  yield* ConsumerOffsets.pieces({ ...tables, ...gantry }, pretty, "")
}

interface DelayMore {
  readonly ahead?: ReadonlyMap<string, ReadonlyArray<ReadonlyArray<number>>>
  readonly tables?: ReadonlyArray<{ readonly commitLogOffset: number; readonly delaysMs: ReadonlyArray<number> }>
}

export const printDelayOffsets = ({
  ahead = new Map(),
  position,
  tables = [],
  ...offsets
}: Positioned<DelayOffsets> & DelayMore): Iterable<string> => {
  const more = { ...(ahead.size > 0 ? { ahead } : {}), ...(tables.length > 0 ? { tables } : {}) }
  const gantry = position === undefined ? {} : { gantry: { commitLogOffset: position, ...more } }
  return DelayOffsets.pieces({ ...offsets, ...gantry }, pretty, "")
}

export const printTransactionProgress = (position: number): Iterable<string> =>
  TransactionProgress.pieces(mark(position), pretty, "")

export const printConsumerFilters = (filters: ConsumerFilters): Iterable<string> =>
  ConsumerFilters.pieces(filters, pretty, "")
export const printRequestModes = ({ position, ...modes }: Positioned<RequestModes>): Iterable<string> =>
  RequestModes.pieces({ ...modes, ...mark(position) }, pretty, "")
