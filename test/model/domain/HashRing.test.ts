import { createHash } from "node:crypto"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as HashRing from "../../../src/domain/HashRing.ts"

const md5 = (text: string): number => createHash("md5").update(text).digest().readUInt32BE(0)
const nodes = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e"), { minLength: 1 })

describe("HashRing", () => {
  it("stable: a node that leaves takes no other node's keys along", () => {
    fc.assert(
      fc.property(nodes, fc.array(fc.string()), fc.nat(4), (all, keys, which) => {
        const gone = all[which % all.length]!
        const before = HashRing.make(all, 10, md5)
        const after = HashRing.make(
          all.filter((node) => node !== gone),
          10,
          md5,
        )
        for (const key of keys) {
          const owner = HashRing.ownerOf(before, key, md5)
          if (owner !== gone) expect(HashRing.ownerOf(after, key, md5)).toBe(owner)
        }
      }),
    )
  })

  it("total: a ring with a node owns every key, the next place behind the key's own decides", () => {
    fc.assert(
      // A circle of 16 places, so that keys and nodes meet at one.
      fc.property(
        nodes,
        fc.string(),
        fc.constantFrom(md5, (text: string) => md5(text) % 16),
        (all, key, hash) => {
          const ring = HashRing.make(all, 3, hash)
          const next = ring.find((place) => place.position >= hash(key)) ?? ring[0]!
          expect(HashRing.ownerOf(ring, key, hash)).toBe(next.node)
        },
      ),
    )
    expect(HashRing.ownerOf(HashRing.make([], 10, md5), "k", md5)).toBeUndefined()
  })

  it("knows the hashes of the protocol's examples", () => {
    expect(md5("c1-0")).toBe(3_886_541_579)
    expect(md5("MessageQueue [topic=T, brokerName=b, queueId=0]")).toBe(562_732_085)
  })
})
