/** Vectors of hashing.json: hashes of tags, keys, rings. */
import { expect } from "vitest"
import { crc31 } from "../../../src/format/Crc32.ts"
import * as IndexFile from "../../../src/format/IndexFile.ts"
import { murmur3 } from "../../../src/format/Murmur3.ts"
import { bytesOf } from "./bytes.ts"
import * as Result from "effect/Result"
import * as BloomFilter from "../../../src/domain/BloomFilter.ts"
import * as HashRing from "../../../src/domain/HashRing.ts"
import * as QueueSelection from "../../../src/domain/QueueSelection.ts"
import * as Rebalance from "../../../src/domain/Rebalance.ts"
import * as Subscription from "../../../src/domain/Subscription.ts"
import { type Account, failed } from "./Account.ts"
import { md5 } from "./shared.ts"

export const account: Account = {
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
    bloom: {
      run: ({ expectedCount, key, maxErrorRatePercent }) => {
        const made = BloomFilter.make(maxErrorRatePercent, expectedCount)
        if (Result.isFailure(made)) return failed
        const filter = made.success
        const positions = BloomFilter.positions(filter, murmur3(key))
        const bits = new Uint8Array(filter.bits / 8)
        BloomFilter.add(bits, positions)
        return { bits: Buffer.from(bits).toString("hex"), k: filter.hashes, m: filter.bits, positions }
      },
    },
    indexKey: {
      holds: (one) => {
        const keyHash = IndexFile.indexKeyHash(one["key"] as string)
        const slot = keyHash % (one["hashSlotNum"] as number)
        expect({ keyHash, slot, slotPosition: IndexFile.slotPosition(slot) }).toEqual(one.expected)
      },
    },
    crc32: {
      holds: (one) => {
        const bytes = bytesOf(one["bytes"] as string)
        expect(crc31(bytes)).toBe(one.expected)
        expect(crc31(Buffer.concat([Buffer.from("xx"), bytes, Buffer.from("y")]), 2, 2 + bytes.length)).toBe(
          one.expected,
        )
      },
    },
  },
}
