import { describe, expect, it } from "vitest"
import * as Compression from "./Compression.ts"
import * as ConfigJson from "./ConfigJson.ts"
import * as IndexFile from "./IndexFile.ts"
import { Malformed, isMalformed } from "./Malformed.ts"
import * as MessageId from "./MessageId.ts"
import * as RecordCrc from "./RecordCrc.ts"
import { styleFor } from "./RouteData.ts"
import { legacy, standard } from "./shape.ts"
import * as StoredMessage from "./StoredMessage.ts"

describe("small rules of formats", () => {
  it("RouteData: standard JSON for those who ask for it and for peers since 4.9.4", () => {
    expect(styleFor(400, false)).toBe(legacy)
    expect(styleFor(401, false)).toBe(standard)
    expect(styleFor(317, true)).toBe(standard)
  })

  it("IndexFile: a file is named by the UTC time of its creation, so that names sort by time", () => {
    expect(IndexFile.fileName(Date.UTC(2026, 10, 21, 8, 23, 23, 872))).toBe("20261121082323872")
  })

  it("IndexFile: keys are the unique key, each key, and the tag", () => {
    expect(IndexFile.keysOf("T", "U", "a  b", "tag")).toEqual(["T#U", "T#a", "T#b", "T#T#tag"])
    expect(IndexFile.keysOf("T", undefined, undefined, "")).toEqual([])
    expect(IndexFile.keysOf("T", "", "", undefined)).toEqual([])
  })

  it("MessageId: an IPv4 address mapped into IPv6 is the IPv4 host, and offsets beyond exactness are refused", () => {
    const mapped = `00000000000000000000FFFF0A00000100002A9F${"0".repeat(15)}1`
    expect(MessageId.decode(mapped)).toEqual({ host: Buffer.from("0a00000100002a9f", "hex"), physicalOffset: 1 })
    expect(MessageId.decode(`0A00000100002A9F${"7F".repeat(8)}`)).toBeInstanceOf(Malformed)
    expect(MessageId.encode({ host: Buffer.from("0a00000100002a9f", "hex"), physicalOffset: -1 })).toBe(
      `0A00000100002A9F${"F".repeat(16)}`,
    )
  })

  it("RecordCrc: drops a checksum property that a client sent, and closes the pair before ours", () => {
    expect(RecordCrc.prepare("")).toBe("")
    expect(RecordCrc.prepare("a\u0001b")).toBe("a\u0001b\u0002")
    expect(RecordCrc.prepare("a\u0001b\u0002")).toBe("a\u0001b\u0002")
    expect(RecordCrc.prepare("__CRC32#\u00011\u0002a\u0001b\u0002__CRC32#\u00012")).toBe("a\u0001b\u0002")
    expect(RecordCrc.prepare("__CRC32#\u00011\u0002")).toBe("")
  })

  it("RecordCrc: digits that are none do not pass for a checksum", () => {
    const bytes = Buffer.from(`rest__CRC32#\u000112345x7890\u0002`)
    expect(RecordCrc.verify(bytes, 0, bytes.length, 4)).toBe("bad")
    expect(RecordCrc.verify(bytes, 0, bytes.length, 5)).toBe("absent")
  })

  it("StoredMessage: version 2 only where version 1 cannot count the topic", () => {
    expect(StoredMessage.versionFor("T".repeat(127))).toBe(1)
    expect(StoredMessage.versionFor("T".repeat(128))).toBe(2)
    expect(StoredMessage.versionFor("中".repeat(43))).toBe(2)
  })

  it("Compression: bytes of another algorithm are malformed", () => {
    const packed = Compression.compress("ZLIB", Buffer.from("abc"))
    expect(isMalformed(Compression.decompress("ZSTD", packed))).toBe(true)
    expect(isMalformed(Compression.decompress("LZ4", packed))).toBe(true)
    expect(isMalformed(Compression.decompress("ZLIB", Buffer.from("abc")))).toBe(true)
  })

  it("ConfigJson: a file says how much of the log it covers, unless another program wrote it", () => {
    const offsets = { dataVersion: { counter: 1, stateVersion: 0, timestamp: 2 }, offsetTable: new Map([[1, 7]]) }
    const text = [...ConfigJson.printDelayOffsets({ ...offsets, position: 4096 })].join("")
    expect(text).toContain('"gantry":{\n\t\t"commitLogOffset":4096\n\t}')
    expect(ConfigJson.parseDelayOffsets(text)).toEqual({ ...offsets, ahead: new Map(), position: 4096, tables: [] })
    expect(
      ConfigJson.parseDelayOffsets([...ConfigJson.printDelayOffsets({ ...offsets, position: undefined })].join("")),
    ).toEqual({
      ...offsets,
      ahead: new Map(),
      position: undefined,
      tables: [],
    })
    expect(ConfigJson.parseTopics("{")).toBeInstanceOf(Malformed)
  })
})
