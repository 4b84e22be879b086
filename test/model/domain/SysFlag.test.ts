import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as SysFlag from "../../../src/domain/SysFlag.ts"

const { MessageFlag } = SysFlag
const types = [
  MessageFlag.TRANSACTION_NONE,
  MessageFlag.TRANSACTION_PREPARED,
  MessageFlag.TRANSACTION_COMMIT,
  MessageFlag.TRANSACTION_ROLLBACK,
]

describe("SysFlag", () => {
  it("one type: a message has the transaction type that was set last, all other bits untouched", () => {
    fc.assert(
      fc.property(fc.nat(0xfff), fc.array(fc.constantFrom(...types), { minLength: 1 }), (flag, set) => {
        const after = set.reduce(SysFlag.withTransactionType, flag)
        expect(SysFlag.transactionType(after)).toBe(set.at(-1))
        expect(after & ~MessageFlag.TRANSACTION_ROLLBACK).toBe(flag & ~MessageFlag.TRANSACTION_ROLLBACK)
      }),
    )
  })

  it("reads back the compression that it writes", () => {
    for (const type of ["LZ4", "ZSTD", "ZLIB"] as const) {
      expect(SysFlag.compressionType(SysFlag.compressionFlag(type) | MessageFlag.COMPRESSED)).toBe(type)
    }
  })
})
