/**
 * The flag words of the protocol: what the bits of a message's, a pull's, a topic's and a group's sysFlag mean.
 *
 * Laws (test/model/domain/SysFlag.test.ts)
 *   one type   a message's transaction type is exactly the one that was set last, all other bits untouched
 * Source: behaviour of RocketMQ 5.5.0 (MessageSysFlag, PullSysFlag, TopicSysFlag).
 */

/** Bits of a stored message. */
export const MessageFlag = {
  COMPRESSED: 0x1,
  MULTI_TAGS: 0x2,
  TRANSACTION_NONE: 0x0,
  TRANSACTION_PREPARED: 0x4,
  TRANSACTION_COMMIT: 0x8,
  TRANSACTION_ROLLBACK: 0xc,
  BORN_HOST_V6: 0x10,
  STORE_HOST_V6: 0x20,
  NEED_UNWRAP: 0x40,
  INNER_BATCH: 0x80,
  COMPRESSION_LZ4: 0x100,
  COMPRESSION_ZSTD: 0x200,
  COMPRESSION_ZLIB: 0x300,
  COMPRESSION_MASK: 0x700,
} as const

const transactionMask = MessageFlag.TRANSACTION_ROLLBACK

export const isCompressed = (sysFlag: number): boolean => (sysFlag & MessageFlag.COMPRESSED) !== 0
export const clearCompressed = (sysFlag: number): number => sysFlag & ~MessageFlag.COMPRESSED

/** One of the four TRANSACTION_* values. */
export const transactionType = (sysFlag: number): number => sysFlag & transactionMask
export const withTransactionType = (sysFlag: number, type: number): number => (sysFlag & ~transactionMask) | type

export type CompressionType = "LZ4" | "ZSTD" | "ZLIB"

/** How a compressed body was compressed; no bits at all mean ZLIB, as before 4.9.4. Undefined: no such algorithm. */
export const compressionType = (sysFlag: number): CompressionType | undefined => {
  switch (sysFlag & MessageFlag.COMPRESSION_MASK) {
    case 0:
    case MessageFlag.COMPRESSION_ZLIB:
      return "ZLIB"
    case MessageFlag.COMPRESSION_LZ4:
      return "LZ4"
    case MessageFlag.COMPRESSION_ZSTD:
      return "ZSTD"
    default:
      return undefined
  }
}

/** The bits to write for an algorithm. */
export const compressionFlag = (type: CompressionType): number =>
  type === "LZ4"
    ? MessageFlag.COMPRESSION_LZ4
    : type === "ZSTD"
      ? MessageFlag.COMPRESSION_ZSTD
      : MessageFlag.COMPRESSION_ZLIB

/** Bits of a pull request. */
export const PullFlag = {
  COMMIT_OFFSET: 0x1,
  SUSPEND: 0x2,
  SUBSCRIPTION: 0x4,
  CLASS_FILTER: 0x8,
  LITE_PULL: 0x10,
} as const

export const buildPullFlag = (bits: {
  readonly commitOffset: boolean
  readonly suspend: boolean
  readonly subscription: boolean
  readonly classFilter: boolean
  readonly litePull?: boolean
}): number =>
  (bits.commitOffset ? PullFlag.COMMIT_OFFSET : 0) |
  (bits.suspend ? PullFlag.SUSPEND : 0) |
  (bits.subscription ? PullFlag.SUBSCRIPTION : 0) |
  (bits.classFilter ? PullFlag.CLASS_FILTER : 0) |
  (bits.litePull === true ? PullFlag.LITE_PULL : 0)

/** Bits of a topic's sysFlag; a group's has UNIT alone. */
export const TopicFlag = { UNIT: 0x1, UNIT_SUB: 0x2 } as const
export const GroupFlag = { UNIT: 0x1 } as const

/** Whether any bit of `bit` is set: `has(sysFlag, PullFlag.SUSPEND)`. */
export const has = (sysFlag: number, bit: number): boolean => (sysFlag & bit) !== 0
export const clear = (sysFlag: number, bit: number): number => sysFlag & ~bit
