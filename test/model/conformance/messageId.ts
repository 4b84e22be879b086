/** Vectors of message-id.json: ids, properties as text, and flags. */
import { expect } from "vitest"
import * as HostFormat from "../../../src/format/Host.ts"
import { Malformed } from "../../../src/format/Malformed.ts"
import * as MessageId from "../../../src/format/MessageId.ts"
import * as UniqKey from "../../../src/format/UniqKey.ts"
import { hex, hostOf, isError, isExact, valueOf } from "./bytes.ts"
import * as Properties from "../../../src/domain/Properties.ts"
import * as SysFlag from "../../../src/domain/SysFlag.ts"
import * as Topic from "../../../src/domain/Topic.ts"
import { type Account, failed } from "./Account.ts"
import { sortedObject, nullReason } from "./shared.ts"

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

export const account: Account = {
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
    encodeOffsetMsgId: {
      holds: (one) => {
        const host = hostOf(one as never)
        if (!isExact(one["offset"] as string)) return "positions beyond 2^53 bytes are none of ours"
        expect(MessageId.encode({ host, physicalOffset: Number(one["offset"]) })).toBe(one.expected)
      },
    },
    decodeOffsetMsgId: {
      holds: (one) => {
        const id = one["id"] as string | null
        if (id === null) return nullReason
        const decoded = MessageId.decode(id)
        // Java takes a character that is no hex digit for a value; here it is refused, and so is an inexact offset.
        if (isError(one.expected) || !isExact(one.expected.offset) || /[^0-9a-f]/i.test(id)) {
          expect(decoded, id).toBeInstanceOf(Malformed)
          return isError(one.expected)
            ? undefined
            : "refused: a character that is no hex digit, or an offset beyond 2^53"
        }
        const { host, physicalOffset } = valueOf(decoded)
        const { ip, offset, port } = one.expected
        expect({ host: hex(host), port: HostFormat.port(host), physicalOffset }).toEqual({
          host: hex(hostOf({ ip, port })),
          port,
          physicalOffset: Number(offset),
        })
      },
    },
    uniqKeyFields: {
      holds: (one) => {
        const id = one["id"] as string
        if ((id.length !== 32 && id.length !== 56) || /[^0-9a-f]/i.test(id)) {
          expect(UniqKey.decode(id)).toBeInstanceOf(Malformed)
          return isError(one.expected) ? undefined : "refused: not 16 or 28 bytes of hex digits"
        }
        const key = valueOf(UniqKey.decode(id))
        expect({ ip: hex(key.ip), pid: key.pid }).toEqual({ ip: one.expected.ip, pid: one.expected.pid })
        expect(HostFormat.address(Buffer.concat([key.ip, Buffer.alloc(4)]))).toBe(one.expected.ipText)
        expect(UniqKey.encode(key)).toBe(id.toUpperCase())
      },
    },
    uniqKeyTime: {
      holds: (one) => {
        const nowMs = Number(one["now"])
        const now = new Date(nowMs)
        const months = {
          nowMs,
          monthStartMs: Date.UTC(now.getUTCFullYear(), now.getUTCMonth()),
          previousMonthStartMs: Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1),
        }
        const key = UniqKey.decode(one["id"] as string)
        if (key instanceof Malformed) return "refused: not 16 or 28 bytes of hex digits"
        expect(UniqKey.timeMs(key, months)).toBe(Number(one.expected))
      },
    },
    "CompressionType.of": {
      run: ({ name }) => (["LZ4", "ZSTD", "ZLIB"].includes(name) ? name : failed),
      differs: ({ expected, name }) =>
        expected === name || typeof expected !== "string" ? undefined : "a setting is written as it is documented",
    },
    "PermName.isValid(String)": {
      run: ({ text }) => (/^-?\d+$/.test(text) ? Topic.isValidPerm(Number(text)) : failed),
    },
  },
}
