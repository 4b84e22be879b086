/**
 * Hostile bytes (promise P11): whatever is sent, a decoder answers a value or Malformed. It does not throw, and it does
 * not allocate by a length that it was told.
 */
import { constants, deflateSync, zstdCompressSync } from "node:zlib"
import { afterEach, describe, expect, it, vi } from "vitest"
import * as Batch from "../../src/format/Batch.ts"
import * as Command from "../../src/format/Command.ts"
import * as Compression from "../../src/format/Compression.ts"
import * as Heartbeat from "../../src/format/Heartbeat.ts"
import * as LenientJson from "../../src/format/LenientJson.ts"
import * as Lz4Frame from "../../src/format/Lz4Frame.ts"
import { Malformed } from "../../src/format/Malformed.ts"
import * as RegisterBroker from "../../src/format/RegisterBroker.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import { RouteData } from "../../src/format/RouteData.ts"
import type { Kind } from "./formatHostileCases.ts"
import { hostileCases, targets } from "./formatHostileCases.ts"

/** Largest Buffer asked for since. */
const watchAllocations = (): { largest: number } => {
  const watched = { largest: 0 }
  for (const name of ["alloc", "allocUnsafe", "allocUnsafeSlow"] as const) {
    const original = Buffer[name].bind(Buffer) as (size: number) => Buffer<ArrayBuffer>
    vi.spyOn(Buffer, name).mockImplementation((size: number) => {
      watched.largest = Math.max(watched.largest, size)
      return original(size)
    })
  }
  return watched
}

afterEach(() => {
  vi.restoreAllMocks()
})

/** What zlib and zstd take for one chunk of output, whatever comes in. */
const zlibChunkBytes = 262_144
const inflating = new Set(["ZLIB", "ZSTD", "RegisterBroker, compressed"])

const frameOf = (header: Buffer, type = 0): Buffer => {
  const frame = Buffer.concat([Buffer.alloc(8), header])
  frame.writeInt32BE(frame.length - 4, 0)
  frame.writeUInt32BE(header.length, 4)
  frame[4] = type
  return frame
}

const decodeFrame = (frame: Buffer) => Command.decode(frame, 4, frame.length)

describe("any bytes", () => {
  it("are answered by a value or by Malformed, never thrown on, never allocated for", () => {
    const seed = 20_261_121
    const next = hostileCases(seed)
    const watched = watchAllocations()
    const seen = new Map<string, { accepted: number; refused: number; kinds: Set<Kind> }>()
    for (let index = 0; index < 60_000; index++) {
      const { bytes, kind, target } = next()
      const tally = seen.get(target.name) ?? { accepted: 0, refused: 0, kinds: new Set() }
      seen.set(target.name, tally)
      watched.largest = 0
      let isRefused = false
      try {
        isRefused = target.isRefused(bytes)
      } catch (error) {
        throw new Error(`seed ${seed}, case ${index}, ${target.name} ${kind}: ${bytes.toString("hex")}`, {
          cause: error,
        })
      }
      const allowed = inflating.has(target.name) ? zlibChunkBytes : Math.max(4096, 4 * bytes.length)
      expect(watched.largest, `seed ${seed}, case ${index}, ${target.name}`).toBeLessThanOrEqual(allowed)
      tally.kinds.add(kind)
      if (isRefused) tally.refused++
      else tally.accepted++
    }
    expect(seen.size).toBe(targets.length)
    for (const [name, tally] of seen) {
      expect(tally.kinds.size, name).toBeGreaterThan(4)
      expect(tally.refused, name).toBeGreaterThan(10)
    }
    // A checker that refused everything would prove nothing.
    expect(seen.get("Command")?.accepted).toBeGreaterThan(1000)
  })

  it("of honest samples are accepted by every target", () => {
    for (const { isRefused, name, samples } of targets) {
      for (const sample of samples) expect(isRefused(Buffer.from(sample)), name).toBe(false)
    }
  })
})

describe("frames", () => {
  it("refuses lengths that are negative, too small or too large, before the frame is there", () => {
    const head = Buffer.alloc(4)
    for (const length of [-1, -2_147_483_648, 0, 3, Command.lengthMax + 1, 2_147_483_647]) {
      head.writeInt32BE(length)
      expect(Command.frameLength(head, 0)).toBeInstanceOf(Malformed)
    }
    for (const length of [4, Command.lengthMax]) {
      head.writeInt32BE(length)
      expect(Command.frameLength(head, 0)).toBe(length)
    }
    expect(Command.frameLength(head, 1)).toBeInstanceOf(Malformed)
    expect(Command.frameLength(head, -1)).toBeInstanceOf(Malformed)
  })

  it("refuses headers nested so deep that they would exhaust the stack, of any size", () => {
    for (const depth of [100, 5000, 100_000, 8_000_000]) {
      for (const open of ["[", '{"extFields":', '{"extFields":{"a":[[[']) {
        const header = Buffer.from(open.repeat(Math.floor(depth / open.length)))
        expect(decodeFrame(frameOf(header))).toBeInstanceOf(Malformed)
      }
    }
    const nested = `{"code":1,"extFields":{"a":${"[".repeat(4000)}${"]".repeat(4000)}}}`
    expect(decodeFrame(frameOf(Buffer.from(nested)))).toBeInstanceOf(Malformed)
    const remark = `{"code":1,"remark":${"[".repeat(4000)}${"]".repeat(4000)}}`
    expect(decodeFrame(frameOf(Buffer.from(remark)))).toMatchObject({ code: 1, remark: "" })
  })

  it("refuses headers with too many values", () => {
    const many = Buffer.from(`{"extFields":{"a":[${"[],".repeat(LenientJson.valuesMax)}1]}}`)
    expect(LenientJson.guard(many, 0, many.length)).toMatch(/more than/)
    expect(decodeFrame(frameOf(many))).toBeInstanceOf(Malformed)
    expect(LenientJson.guard(Buffer.from(`[${"1,".repeat(LenientJson.valuesMax)}1]`), 0, 4_000_003)).toMatch(
      /more than/,
    )
  })

  it("refuses text that is not UTF-8, and keeps the replacement character when it was sent", () => {
    const json = Buffer.from('{"code":1,"remark":"X"}')
    const at = json.indexOf("X")
    for (const byte of [0x80, 0xc0, 0xff]) {
      json[at] = byte
      expect(decodeFrame(frameOf(json))).toBeInstanceOf(Malformed)
    }
    expect(decodeFrame(frameOf(Buffer.from('{"code":1,"remark":"\uFFFD"}')))).toMatchObject({ remark: "\uFFFD" })
  })

  it("does not take what every object has for a parameter", () => {
    const command = decodeFrame(frameOf(Buffer.from('{"code":1,"extFields":{"__proto__":"p"}}')))
    expect(command).not.toBeInstanceOf(Malformed)
    const { ext } = command as Command.Command
    expect(Object.getOwnPropertyNames(ext)).toEqual(["__proto__"])
    expect(Object.getPrototypeOf({})).toBe(Object.prototype)
  })
})

describe("messages", () => {
  it("refuses every length of a record that does not add up, and positions that are no numbers", () => {
    const record = StoredMessage.encode(
      StoredMessage.decodeAll(targets.find(({ name }) => name === "StoredMessage")?.samples[0] as Buffer)
        .messages[0] as StoredMessage.Decoded,
    )
    for (const wrong of [-1, 0, 1, 2_147_483_647, -2_147_483_648]) {
      for (let at = 0; at + 4 <= record.length; at++) {
        const bytes = Buffer.from(record)
        bytes.writeInt32BE(wrong, at)
        const decoded = StoredMessage.decode(bytes)
        if (decoded instanceof Malformed) continue
        expect(decoded.sizeBytes).toBe(record.length)
        expect(Number.isSafeInteger(decoded.queueOffset) && decoded.queueOffset >= 0).toBe(true)
        expect(Number.isSafeInteger(decoded.physicalOffset) && decoded.physicalOffset >= 0).toBe(true)
      }
    }
    expect(StoredMessage.decode(record, -1)).toBeInstanceOf(Malformed)
    expect(StoredMessage.decode(record, 0, { maxBytes: record.length - 1 })).toBeInstanceOf(Malformed)
    expect(StoredMessage.check(Buffer.alloc(64), 0, 64).kind).toBe("bad")
  })

  it("takes a filler for what it is, unless its size is wrong", () => {
    const bytes = Buffer.alloc(8)
    StoredMessage.encodeBlankInto(100, bytes, 0)
    expect(StoredMessage.check(bytes, 0, 8)).toEqual({ kind: "blank", sizeBytes: 100 })
    StoredMessage.encodeBlankInto(7, bytes, 0)
    expect(StoredMessage.check(bytes, 0, 8).kind).toBe("bad")
    expect(StoredMessage.check(bytes, 0, 7).kind).toBe("bad")
  })

  it("refuses a batch of more elements than a broker takes", () => {
    const element = Batch.encode([{ flag: 0, body: Buffer.alloc(0), properties: "" }])
    const body = Buffer.concat(Array<Buffer>(Batch.elementsMax + 1).fill(element))
    expect(Batch.decode(body)).toBeInstanceOf(Malformed)
    expect(Batch.decode(body.subarray(element.length))).toHaveLength(Batch.elementsMax)
  })
})

describe("bodies that grow", () => {
  const zeros = Buffer.alloc(50_000_000)

  it("refuses what inflates beyond the bound, by every algorithm", () => {
    const bombs = { ZLIB: deflateSync(zeros), ZSTD: zstdCompressSync(zeros), LZ4: Lz4Frame.compress(zeros) } as const
    for (const type of ["ZLIB", "ZSTD", "LZ4"] as const) {
      expect(bombs[type].length).toBeLessThan(300_000)
      expect(Compression.decompress(type, bombs[type], 1_000_000)).toBeInstanceOf(Malformed)
    }
    const registration = deflateSync(Buffer.alloc(70_000_000), { level: constants.Z_BEST_SPEED })
    expect(RegisterBroker.decode(registration, true, 513)).toBeInstanceOf(Malformed)
  })

  it("refuses LZ4 frames whose header, block sizes or checksums are wrong", () => {
    const frame = Lz4Frame.compress(Buffer.from("abcabcabcabcabcabcabcabcabcabcabcabcabc"))
    // The top bit of a block's size says that it is raw, which is legal: it ends before that.
    for (let at = 0; at < 10; at++) {
      const bytes = Buffer.from(frame)
      bytes[at] = (bytes[at] as number) ^ 0x80
      expect(Lz4Frame.decompress(bytes, 1000), String(at)).toBeInstanceOf(Malformed)
    }
    for (let size = 0; size < frame.length; size++) {
      expect(Lz4Frame.decompress(frame.subarray(0, size), 1000)).toBeInstanceOf(Malformed)
    }
  })

  it("refuses counts in a compressed registration that its bytes cannot hold", () => {
    const version = Buffer.from('{"counter":1}')
    for (const count of [-1, 1_000_000, 2_147_483_647]) {
      const content = Buffer.alloc(8 + version.length)
      content.writeInt32BE(version.length, 0)
      version.copy(content, 4)
      content.writeInt32BE(count, 4 + version.length)
      expect(RegisterBroker.decode(deflateSync(content), true, 513)).toBeInstanceOf(Malformed)
      content.writeInt32BE(count, 0)
      expect(RegisterBroker.decode(deflateSync(content), true, 513)).toBeInstanceOf(Malformed)
    }
  })

  it("refuses references that multiply, loop or lead nowhere", () => {
    const big = `"big":[${"1,".repeat(2000)}1]`
    const copies = Array<string>(100).fill('{"$ref":"$.big"}').join(",")
    expect(LenientJson.parse(`{${big},"copies":[${copies}]}`)).toBeInstanceOf(Malformed)
    for (const loop of [
      '{"a":{"$ref":"$"}}',
      '{"a":{"$ref":"$.b"},"b":{"$ref":"$.a"}}',
      '{"a":{"$ref":"$.c"}}',
      '{"a":{"$ref":1}}',
    ]) {
      expect(LenientJson.parse(loop), loop).toBeInstanceOf(Malformed)
    }
    expect(LenientJson.parse('{"a":[{"b":1}],"c":{"$ref":"$.a[0]"}}')).toEqual({ a: [{ b: 1 }], c: { b: 1 } })
  })

  it("refuses bodies beyond their bound before they are parsed, and unlimited nesting in others", () => {
    const long = Buffer.from(`{"clientID":"${"x".repeat(1024 * 1024)}"}`)
    expect(Heartbeat.Heartbeat.decode(long)).toBeInstanceOf(Malformed)
    expect(RouteData.decode(Buffer.from("{".repeat(10_000_000)))).toBeInstanceOf(Malformed)
    expect(RouteData.decode(Buffer.from('{"queueDatas":['.repeat(100)))).toBeInstanceOf(Malformed)
  })
})
