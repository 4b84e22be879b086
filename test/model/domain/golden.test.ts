/**
 * All vectors of RocketMQ 5.5.0 that belong to src/domain. Of `names`, the members of light queues and lite topics, of
 * static topics (mock broker names) and of POP's polling keys are taken as recorded: nothing here computes them yet.
 */
import { createHash } from "node:crypto"
import * as Result from "effect/Result"
import * as ClientCheck from "../../../src/domain/ClientCheck.ts"
import type { ConsumeFromWhere } from "../../../src/domain/ConsumerGroup.ts"
import * as DelayLevel from "../../../src/domain/DelayLevel.ts"
import * as HashRing from "../../../src/domain/HashRing.ts"
import * as LatencyFault from "../../../src/domain/LatencyFault.ts"
import type { MessageQueue } from "../../../src/domain/MessageQueue.ts"
import * as Namespace from "../../../src/domain/Namespace.ts"
import * as Properties from "../../../src/domain/Properties.ts"
import * as QueueSelection from "../../../src/domain/QueueSelection.ts"
import * as Rebalance from "../../../src/domain/Rebalance.ts"
import * as RetryPolicy from "../../../src/domain/RetryPolicy.ts"
import * as StartOffset from "../../../src/domain/StartOffset.ts"
import * as Subscription from "../../../src/domain/Subscription.ts"
import * as SubscriptionGroup from "../../../src/domain/SubscriptionGroup.ts"
import * as SysFlag from "../../../src/domain/SysFlag.ts"
import * as Topic from "../../../src/domain/Topic.ts"
import { type Case, account, failed } from "./golden.ts"

/** RocketMQ's hash of the ring. Java writes half a surrogate pair as a question mark. */
const md5: HashRing.Hash = (text) =>
  createHash("md5")
    .update(text.replaceAll(/\p{Surrogate}/gu, "?"))
    .digest()
    .readUInt32BE(0)

const queueOf = ([topic, brokerName, queueId]: [string, string, number]): MessageQueue => ({
  topic,
  brokerName,
  queueId,
})
const tupleOf = (queue: MessageQueue): [string, string, number] => [queue.topic, queue.brokerName, queue.queueId]

/** The names that the recording broker had made for itself. */
const ofBroker = new Set(
  Topic.systemTopics({
    clusterName: "DefaultCluster",
    brokerName: "broker-a",
    autoCreateTopicEnable: true,
    defaultTopicQueueNums: 8,
  }).map((topic) => topic.topicName),
)

const sortedObject = (map: Iterable<readonly [string, unknown]>): Record<string, unknown> =>
  Object.fromEntries([...map].toSorted(([a], [b]) => (a < b ? -1 : 1)))

/** Types have no null here, so a Java null reference cannot be handed in. */
const nullReason = "null is not a value of ours; nothing is asked of it"

account("message-id", {
  checks: {
    properties2string: {
      run: ({ pairs }) =>
        Properties.print((pairs ?? []).filter(([, value]: [string, string | null]) => value !== null)),
    },
    string2properties: {
      run: ({ text }) => sortedObject(Properties.parse(text ?? "")),
    },
    "MessageSysFlag.constant": { run: ({ name }) => messageFlags[name] },
    MessageSysFlag: {
      run: ({ flag }) => ({
        transaction: SysFlag.transactionType(flag),
        setNot: SysFlag.withTransactionType(flag, SysFlag.MessageFlag.TRANSACTION_NONE),
        setPrepared: SysFlag.withTransactionType(flag, SysFlag.MessageFlag.TRANSACTION_PREPARED),
        setCommit: SysFlag.withTransactionType(flag, SysFlag.MessageFlag.TRANSACTION_COMMIT),
        setRollback: SysFlag.withTransactionType(flag, SysFlag.MessageFlag.TRANSACTION_ROLLBACK),
        clearCompressed: SysFlag.clearCompressed(flag),
        compressed: SysFlag.isCompressed(flag),
        multiTags: SysFlag.has(flag, SysFlag.MessageFlag.MULTI_TAGS),
        bornHostV6: SysFlag.has(flag, SysFlag.MessageFlag.BORN_HOST_V6),
        storeHostV6: SysFlag.has(flag, SysFlag.MessageFlag.STORE_HOST_V6),
        needUnwrap: SysFlag.has(flag, SysFlag.MessageFlag.NEED_UNWRAP),
        innerBatch: SysFlag.has(flag, SysFlag.MessageFlag.INNER_BATCH),
        compression: SysFlag.compressionType(flag) ?? {
          error: "RuntimeException",
          message: `Unknown compress type value: ${(flag & SysFlag.MessageFlag.COMPRESSION_MASK) >> 8}`,
        },
      }),
    },
    "CompressionType.findByValue": {
      run: ({ value }) => {
        const name = value < 0 ? undefined : SysFlag.compressionType(value << 8)
        if (name === undefined) return failed
        const flag = SysFlag.compressionFlag(name)
        return { name, value: flag >> 8, flag }
      },
    },
    PullSysFlag: {
      run: (vector) => {
        const flag = SysFlag.buildPullFlag(vector)
        const { CLASS_FILTER, COMMIT_OFFSET, LITE_PULL, SUBSCRIPTION, SUSPEND } = SysFlag.PullFlag
        return {
          flag,
          hasCommitOffset: SysFlag.has(flag, COMMIT_OFFSET),
          hasSuspend: SysFlag.has(flag, SUSPEND),
          hasSubscription: SysFlag.has(flag, SUBSCRIPTION),
          hasClassFilter: SysFlag.has(flag, CLASS_FILTER),
          hasLitePull: SysFlag.has(flag, LITE_PULL),
          clearCommitOffset: SysFlag.clear(flag, COMMIT_OFFSET),
          clearSuspend: SysFlag.clear(flag, SUSPEND),
          withSubscription: flag | SUBSCRIPTION,
        }
      },
    },
    "TopicSysFlag.build": {
      run: ({ unit, unitSub }) => (unit ? SysFlag.TopicFlag.UNIT : 0) | (unitSub ? SysFlag.TopicFlag.UNIT_SUB : 0),
    },
    TopicSysFlag: {
      run: ({ flag }) => ({
        hasUnit: SysFlag.has(flag, SysFlag.TopicFlag.UNIT),
        hasUnitSub: SysFlag.has(flag, SysFlag.TopicFlag.UNIT_SUB),
        setUnit: flag | SysFlag.TopicFlag.UNIT,
        clearUnit: SysFlag.clear(flag, SysFlag.TopicFlag.UNIT),
        setUnitSub: flag | SysFlag.TopicFlag.UNIT_SUB,
        clearUnitSub: SysFlag.clear(flag, SysFlag.TopicFlag.UNIT_SUB),
      }),
    },
    SubscriptionSysFlag: {
      run: ({ expected, flag }) => ({
        build: expected.build === 0 ? 0 : SysFlag.GroupFlag.UNIT,
        hasUnit: SysFlag.has(flag, SysFlag.GroupFlag.UNIT),
        setUnit: flag | SysFlag.GroupFlag.UNIT,
        clearUnit: SysFlag.clear(flag, SysFlag.GroupFlag.UNIT),
      }),
    },
    "PermName.constant": { run: ({ name }) => permConstants[name] },
    PermName: {
      run: ({ perm }) => ({
        text: Topic.permText(perm),
        readable: Topic.isReadable(perm),
        writeable: Topic.isWritable(perm),
        inherited: Topic.isInherited(perm),
        accessible: Topic.isAccessible(perm),
        priority: Topic.isPriority(perm),
        valid: Topic.isValidPerm(perm),
      }),
    },
  },
  left: {
    encodeOffsetMsgId: "format/MessageId",
    decodeOffsetMsgId: "format/MessageId",
    uniqKeyFields: "format/UniqKey",
    uniqKeyTime: "format/UniqKey",
    "CompressionType.of": "configuration of clients",
    "PermName.isValid(String)": "configuration: text is read before it is judged",
  },
})

const messageFlags: Readonly<Record<string, number>> = {
  COMPRESSED_FLAG: SysFlag.MessageFlag.COMPRESSED,
  MULTI_TAGS_FLAG: SysFlag.MessageFlag.MULTI_TAGS,
  TRANSACTION_NOT_TYPE: SysFlag.MessageFlag.TRANSACTION_NONE,
  TRANSACTION_PREPARED_TYPE: SysFlag.MessageFlag.TRANSACTION_PREPARED,
  TRANSACTION_COMMIT_TYPE: SysFlag.MessageFlag.TRANSACTION_COMMIT,
  TRANSACTION_ROLLBACK_TYPE: SysFlag.MessageFlag.TRANSACTION_ROLLBACK,
  BORNHOST_V6_FLAG: SysFlag.MessageFlag.BORN_HOST_V6,
  STOREHOSTADDRESS_V6_FLAG: SysFlag.MessageFlag.STORE_HOST_V6,
  NEED_UNWRAP_FLAG: SysFlag.MessageFlag.NEED_UNWRAP,
  INNER_BATCH_FLAG: SysFlag.MessageFlag.INNER_BATCH,
  COMPRESSION_LZ4_TYPE: SysFlag.MessageFlag.COMPRESSION_LZ4,
  COMPRESSION_ZSTD_TYPE: SysFlag.MessageFlag.COMPRESSION_ZSTD,
  COMPRESSION_ZLIB_TYPE: SysFlag.MessageFlag.COMPRESSION_ZLIB,
  COMPRESSION_TYPE_COMPARATOR: SysFlag.MessageFlag.COMPRESSION_MASK,
}

const permConstants: Readonly<Record<string, number>> = {
  INDEX_PERM_PRIORITY: Math.log2(Topic.Perm.PRIORITY),
  INDEX_PERM_READ: Math.log2(Topic.Perm.READ),
  INDEX_PERM_WRITE: Math.log2(Topic.Perm.WRITE),
  INDEX_PERM_INHERIT: Math.log2(Topic.Perm.INHERIT),
  PERM_PRIORITY: Topic.Perm.PRIORITY,
  PERM_READ: Topic.Perm.READ,
  PERM_WRITE: Topic.Perm.WRITE,
  PERM_INHERIT: Topic.Perm.INHERIT,
}

const subscriptionOf = (subscription: Subscription.Subscription): Record<string, unknown> => ({
  subString: subscription.subString,
  tagsSet: [...subscription.tagsSet].toSorted(),
  codeSet: [...subscription.codeSet].toSorted((a, b) => a - b),
  expressionType: subscription.expressionType,
})

account("tag-subscription", {
  checks: {
    build: {
      run: ({ expression, tags }) => {
        const parsed = Subscription.parse("T", expression ?? undefined)
        if (Result.isFailure(parsed)) return failed
        const subscription = parsed.success
        return {
          ...subscriptionOf(subscription),
          matches: tags.map((tag: string | null) =>
            Subscription.matchesCode(subscription, Subscription.tagsCode(tag ?? undefined)),
          ),
          matchesUnknown: Subscription.matchesCode(subscription, undefined),
          // The code of tag "A" with bits above the 32 that count, as a queue file may hold it.
          matchesHighBits: Subscription.matchesCode(subscription, Subscription.tagsCode(tags[0]) + 2 ** 32),
        }
      },
    },
    typed: {
      run: ({ expression, type }) => {
        const parsed = Subscription.parseTyped("T", expression ?? undefined, type ?? undefined)
        if (Result.isFailure(parsed)) return failed
        return {
          ...subscriptionOf(parsed.success),
          isTagType: Subscription.isTagType(parsed.success.expressionType),
        }
      },
    },
  },
})

account("hashing", {
  checks: {
    tagsCode: { run: ({ tags }) => String(Subscription.tagsCode(tags ?? undefined)) },
    selectByHash: {
      run: ({ arg, argType, queues }) =>
        QueueSelection.selectByHash(argType === "Long" ? BigInt(arg) : arg, queues) ?? failed,
    },
    ringHash: { run: ({ key }) => String(md5(key)) },
    ring: {
      run: ({ keys, nodes, virtualNodeCnt }) => {
        if (Result.isFailure(Rebalance.consistentHash(md5, virtualNodeCnt))) return failed
        const ring = HashRing.make(nodes, virtualNodeCnt, md5)
        return {
          positions: ring.map((place) => [String(place.position), place.key]),
          owners: keys.map((key: string) => HashRing.ownerOf(ring, key, md5) ?? null),
        }
      },
    },
  },
  left: { indexKey: "format/IndexFile", crc32: "format/Crc32", bloom: "the SQL filter" },
})

const strategyOf = (vector: Case): Result.Result<Rebalance.Strategy, unknown> => {
  switch (vector.strategy) {
    case "AVG":
      return Result.succeed(Rebalance.average)
    case "AVG_BY_CIRCLE":
      return Result.succeed(Rebalance.averageByCircle)
    case "CONFIG":
      return Result.succeed(Rebalance.config(vector.configured?.map(queueOf) ?? []))
    case "MACHINE_ROOM":
      return Result.succeed(Rebalance.machineRoom(new Set(vector.consumeridcs ?? [])))
    case "CONSISTENT_HASH":
      return Rebalance.consistentHash(md5, vector.virtualNodeCnt ?? 10)
    default: {
      const inner = strategyOf({ strategy: vector.inner })
      if (Result.isFailure(inner)) return inner
      return Result.succeed(
        Rebalance.machineRoomNearby(inner.success, {
          ofBroker: (queue) => vector.brokerRooms[queue.brokerName] ?? undefined,
          ofClient: (clientId) => vector.consumerRooms[clientId] ?? undefined,
        }),
      )
    }
  }
}

account(
  "allocation",
  {
    checks: Object.fromEntries(
      ["AVG", "AVG_BY_CIRCLE", "CONFIG", "MACHINE_ROOM", "MACHINE_ROOM_NEARBY", "CONSISTENT_HASH"].map((name) => [
        name,
        {
          run: (vector: Case) => {
            const strategy = strategyOf(vector)
            if (Result.isFailure(strategy)) return failed
            const share = strategy.success.allocate({
              currentClientId: vector.currentCID ?? "",
              queues: (vector.mqAll ?? []).map(queueOf),
              clientIds: vector.cidAll ?? [],
            })
            if (Result.isFailure(share)) return failed
            return { name: strategy.success.name, queues: share.success.map(tupleOf) }
          },
          differs: ({ configured, consumeridcs, mqAll }: Case) =>
            configured === null
              ? "CONFIG without queues has an empty share; there is no null share"
              : consumeridcs === null && mqAll.some(([, brokerName]: [string, string]) => brokerName.includes("@"))
                ? "MACHINE_ROOM without rooms has an empty share instead of a NullPointerException"
                : undefined,
        },
      ]),
    ),
  },
  (vector) => vector.strategy,
)

account("offsets", {
  checks: {
    computePullFromWhere: {
      run: ({ consumeFromWhere, maxOffset, offsetByTimestamp, stored, topic }) => {
        const asked = Number(stored)
        const known = asked >= 0 ? asked : asked === -1 ? undefined : "failed"
        const start = StartOffset.decide(consumeFromWhere as ConsumeFromWhere, known, topic)
        if (start._tag === "Unknown") return failed
        if (start._tag === "At") return String(start.queueOffset)
        const found = start._tag === "Max" ? maxOffset : offsetByTimestamp
        // The client takes a negative answer of the broker for a failure.
        return Number(found) < 0 ? failed : found
      },
    },
  },
  left: Object.fromEntries(
    ["mappingItem", "blockSeqRoundUp", "mappingList", "staticTopic", "staticTopicLayout"].map((fn) => [
      fn,
      "static topics",
    ]),
  ),
})

account("delay", {
  checks: {
    parseDelayLevel: {
      run: ({ expected, text }) => {
        const parsed = DelayLevel.parse(text ?? "")
        if (Result.isFailure(parsed)) {
          // A table that 5.5.0 refuses too is equal, whatever it had read until then.
          return expected.ok ? failed : expected
        }
        const levels = parsed.success
        return {
          ok: true,
          maxLevel: levels.length,
          table: levels.map((delayMs, i) => [i + 1, String(delayMs)]),
          deliverTimes: expected.deliverTimes.map(([level]: [number, string]) => [
            level,
            String(DelayLevel.dueMs(levels, level, 1_700_000_000_000)),
          ]),
        }
      },
      differs: ({ expected, text }) =>
        expected.ok === true && (text.trim() === "" || /-|[^ -~]|[0-9]{12}/.test(text))
          ? "refused: no level, a negative or overflowing delay, digits not ASCII; 5.5.0 delivers early"
          : undefined,
    },
    levelQueue: {
      run: ({ value }) => ({
        delayLevel2QueueId: DelayLevel.queueIdOf(value),
        queueId2DelayLevel: DelayLevel.levelOfQueue(value),
      }),
    },
    level: {
      run: ({ properties, queueId, sysFlag, topic }) => {
        const text = Properties.print(Object.entries<string>(properties))
        const placed = DelayLevel.rewrite({ topic, queueId, sysFlag, properties: text }, DelayLevel.defaultLevels)
        if (Result.isFailure(placed)) return failed
        return {
          refused: null,
          topic: placed.success.topic,
          queueId: placed.success.queueId,
          properties: sortedObject(Properties.parse(placed.success.properties)),
        }
      },
      differs: ({ properties }) =>
        properties.DELAY === "" ? "an empty value does not survive the property text, so there is no level" : undefined,
    },
    retryPolicy: {
      run: ({ reconsumeTimes, ...vector }) => String(RetryPolicy.nextDelayMs(retryPolicyOf(vector), reconsumeTimes)),
      differs: ({ expected }) =>
        typeof expected !== "string"
          ? "the last delay, also for the largest number of attempts: 5.5.0 adds 2 to it and overflows"
          : expected.startsWith("-")
            ? "the maximum: 5.5.0 overflows, and the delay is in the past"
            : undefined,
    },
    groupRetryPolicyDefault: {
      run: () => ({
        retryPolicy: "CustomizedRetryPolicy",
        type: SubscriptionGroup.defaults("g").groupRetryPolicy.type,
      }),
    },
  },
  left: {
    timer: "the timer wheel",
    timerRelative: "the timer wheel",
    recallHandleBuild: "the timer wheel",
    recallHandleDecode: "the timer wheel",
    popClientDelaySeconds: "POP",
    popRewriteSeconds: "POP",
    popCheckpointRewriteSeconds: "POP",
  },
})

/** A recorded policy; what is null there has its default. */
const retryPolicyOf = ({ initial, max, multiplier, next, type }: Case): SubscriptionGroup.GroupRetryPolicy =>
  type === "CUSTOMIZED"
    ? { type, ...(next === null ? {} : { customizedRetryPolicy: { next: next.map(Number) } }) }
    : {
        type,
        ...(initial === null
          ? {}
          : {
              exponentialRetryPolicy: {
                initial: Number(initial),
                max: Number(max),
                multiplier: Number(multiplier),
              },
            }),
      }

const codeNumber = { MESSAGE_ILLEGAL: 13, NO_PERMISSION: 16 }
const clientAnswer = (invalid: ClientCheck.Invalid | undefined): unknown =>
  invalid === undefined
    ? "ok"
    : { code: invalid.code === undefined ? -1 : codeNumber[invalid.code], message: invalid.message }
const brokerAnswer = (remark: string | undefined): unknown => ({ valid: remark === undefined, remark: remark ?? "" })

account("validation", {
  checks: {
    topic: {
      run: ({ expected, name }) => ({
        client: clientAnswer(ClientCheck.topic(name ?? undefined)),
        broker: brokerAnswer(Topic.validateName(name ?? undefined)),
        isSystemTopic: name === null ? expected.isSystemTopic : Topic.isSystem(name, ofBroker),
        clientSystemCheck:
          name === null ? expected.clientSystemCheck : clientAnswer(ClientCheck.notSystemTopic(name, ofBroker)),
        sendForbidden: clientAnswer(ClientCheck.sendableTopic(name ?? "")),
      }),
    },
    group: {
      run: ({ expected, name }) => ({
        client: clientAnswer(ClientCheck.group(name ?? undefined)),
        broker: brokerAnswer(SubscriptionGroup.validateName(name ?? undefined)),
        isSysConsumerGroup: name === null ? expected.isSysConsumerGroup : SubscriptionGroup.isSystem(name),
        isPredefinedGroup: SubscriptionGroup.isPredefined(name ?? ""),
      }),
    },
    illegalName: { run: ({ name }) => Topic.hasIllegalCharacter(name) },
    systemTopicSet: {
      run: ({ name }) => ({ system: Topic.isSystem(name, ofBroker), notAllowedToSend: Topic.isNotSendable(name) }),
    },
    message: {
      run: ({ bodyLength, maxMessageSize, properties, topic }) =>
        clientAnswer(
          ClientCheck.message(
            {
              topic: topic ?? undefined,
              bodySizeBytes: bodyLength ?? undefined,
              multiDispatch: properties.INNER_MULTI_DISPATCH,
            },
            maxMessageSize,
          ),
        ),
    },
    topicConfigPerm: { run: ({ perm }) => clientAnswer(ClientCheck.perm("topicPermission", perm)) },
    brokerPermission: {
      run: ({ value }) =>
        /^-?[0-9]+$/.test(value) ? clientAnswer(ClientCheck.perm("brokerPermission", Number(value))) : failed,
    },
  },
  left: { nullMessage: "the type system: a message is never null" },
})

account("names", {
  checks: {
    name: {
      run: ({ expected, name }) => {
        if (name === null) return failed
        const pop = Topic.popRetryV2Of(name)
        return {
          ...expected,
          retryTopic: Topic.retryTopic(name),
          dlqTopic: Topic.dlqTopic(name),
          replyTopic: Topic.replyTopic(name),
          isRetry: Topic.isRetry(name),
          isDlq: Topic.isDlq(name),
          isPopRetryV2: Topic.isPopRetryV2(name),
          popNormalTopic: pop?.topic ?? name,
          // For other topics 5.5.0 cuts seven characters off whatever it is given.
          popGroup: pop?.group ?? (Topic.isRetry(name) ? Topic.groupOf(name) : expected.popGroup),
          withoutNamespace: Namespace.unwrapAny(name, ofBroker),
          namespace: Namespace.namespaceOf(name, ofBroker),
          withoutRetryAndDlq: Namespace.bare(name),
          isLmq: Topic.isLmq(name),
          isSysConsumerGroup: SubscriptionGroup.isSystem(name),
          isSysConsumerGroupPullMessage: SubscriptionGroup.isSystem(name),
        }
      },
      differs: ({ name }) => (name === null ? nullReason : undefined),
    },
    pair: {
      run: ({ expected, first, second }) => {
        if (first === null || second === null) return failed
        return {
          ...expected,
          wrapNamespace: Namespace.wrap(first, second, ofBroker),
          wrapNamespaceAndRetry: Namespace.wrapRetry(first, second, ofBroker) ?? null,
          isAlreadyWithNamespace: Namespace.isWrapped(second, first, ofBroker),
          withoutNamespace: Namespace.unwrap(second, first, ofBroker),
          popRetryV1: Topic.popRetryTopicV1(first, second),
          popRetryV2: Topic.popRetryTopicV2(first, second),
          parseNormalTopic: Topic.popTopicOf(first, second),
        }
      },
      differs: ({ expected, first, second }) =>
        first === null || second === null
          ? nullReason
          : Topic.isRetry(first) && Topic.popTopicOf(first, second) === first && expected.parseNormalTopic !== first
            ? "a retry topic of another group is no POP retry topic of this one; 5.5.0 cuts it anyway"
            : undefined,
    },
  },
})

account("fault-tolerance", {
  checks: {
    tables: {
      run: () => ({
        latencyMax: LatencyFault.latencyMax.map(String),
        notAvailableDuration: LatencyFault.notAvailableDuration.map(String),
      }),
    },
    notAvailableDuration: {
      run: ({ isolation, latency }) => String(LatencyFault.penaltyMsOf(Number(latency), isolation)),
    },
    select: {
      run: ({ index, lastBrokerName, picks, queues, sendLatencyFaultEnable, updates }) => {
        const nowMs = 1_000_000
        const faults = LatencyFault.make()
        if (sendLatencyFaultEnable) {
          for (const { brokerName, isolation, latency, reachable } of updates) {
            const outcome = { latencyMs: Number(latency), isIsolated: isolation, isReachable: reachable }
            LatencyFault.update(faults, brokerName, outcome, nowMs)
          }
        }
        const all: Array<MessageQueue> = queues.map(queueOf)
        const turn = { index }
        const choice = {
          nowMs,
          lastBrokerName: lastBrokerName ?? undefined,
          faults: sendLatencyFaultEnable ? faults : undefined,
        }
        const picked = Array.from({ length: picks }, () => QueueSelection.select(all, turn, choice))
        if (picked.includes(undefined)) return failed
        const brokers = sortedObject(
          all.map(({ brokerName }) => [
            brokerName,
            {
              available: LatencyFault.isAvailable(faults, brokerName, nowMs),
              reachable: LatencyFault.isReachable(faults, brokerName),
            },
          ]),
        )
        return { picked: picked.map((queue) => tupleOf(queue!)), brokers }
      },
    },
    index: {
      run: ({ calls, start }) => {
        const turn = { index: start }
        return Array.from({ length: calls }, () => QueueSelection.next(turn))
      },
    },
  },
})
