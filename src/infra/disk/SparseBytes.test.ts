import fc from "fast-check"
import { expect, it } from "vitest"
import { SparseBytes } from "./SparseBytes.ts"

/** The obvious implementation: one array. */
class Model {
  bytes = Buffer.alloc(0)

  truncate(sizeBytes: number): void {
    const next = Buffer.alloc(sizeBytes)
    this.bytes.copy(next, 0, 0, sizeBytes)
    this.bytes = next
  }

  write(source: Buffer, position: number): void {
    if (source.length === 0) return
    this.truncate(Math.max(this.bytes.length, position + source.length))
    source.copy(this.bytes, position)
  }
}

const content = (sparse: SparseBytes): Buffer => {
  const all = Buffer.alloc(sparse.sizeBytes, 0xee)
  expect(sparse.read(all, 0)).toBe(sparse.sizeBytes)
  return all
}

const step = fc.oneof(
  fc.record({ at: fc.nat(200), kind: fc.constant("write" as const), size: fc.nat(80), value: fc.nat(255) }),
  fc.record({ kind: fc.constant("truncate" as const), size: fc.nat(250) }),
  fc.record({ kind: fc.constant("copy" as const), keep: fc.boolean() }),
)

it("reads as one array would, whatever was written, cut and copied", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let sparse = new SparseBytes(16)
      let model = new Model()
      const others: Array<readonly [SparseBytes, Buffer]> = []
      for (const step of steps) {
        if (step.kind === "write") {
          sparse.write(Buffer.alloc(step.size, step.value), step.at)
          model.write(Buffer.alloc(step.size, step.value), step.at)
        } else if (step.kind === "truncate") {
          sparse.truncate(step.size)
          model.truncate(step.size)
        } else {
          // Go on with either side of the copy: neither may see what is done to the other.
          const copy = sparse.copy()
          others.push([step.keep ? copy : sparse, Buffer.from(model.bytes)])
          sparse = step.keep ? sparse : copy
        }
        expect(content(sparse).equals(model.bytes)).toBe(true)
      }
      for (const [other, bytes] of others) expect(content(other).equals(bytes)).toBe(true)
    }),
  )
})

it("takes space only for what was written, and gives it back", () => {
  const sparse = new SparseBytes(4096)
  sparse.truncate(2 ** 40)
  expect(sparse.allocatedBytes).toBe(0)
  expect(sparse.missingBytes(4000, 200)).toBe(8192)
  sparse.write(Buffer.alloc(200, 1), 4000)
  expect(sparse.allocatedBytes).toBe(8192)
  expect(sparse.missingBytes(4000, 200)).toBe(0)
  sparse.truncate(4096)
  expect(sparse.allocatedBytes).toBe(4096)
})

it("a read answers how much lies before the end", () => {
  const sparse = new SparseBytes(16)
  sparse.write(Buffer.from("hello"), 0)
  expect(sparse.read(Buffer.alloc(10), 3)).toBe(2)
  expect(sparse.read(Buffer.alloc(10), 5)).toBe(0)
  expect(sparse.read(Buffer.alloc(10), 500)).toBe(0)
})
