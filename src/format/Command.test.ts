import { describe, expect, it } from "vitest"
import * as Command from "./Command.ts"
import * as Language from "./Language.ts"
import { Malformed } from "./Malformed.ts"
import { requestCodeName } from "./RequestCode.ts"
import { responseCodeName } from "./ResponseCode.ts"
import { gantryVersion } from "./Version.ts"

const decodeHeader = (json: string) => {
  const header = Buffer.from(json)
  const frame = Buffer.concat([Buffer.alloc(4), header])
  frame.writeUInt32BE(header.length)
  return Command.decode(frame, 0, frame.length)
}

/** The header of an answer with these parameters. */
const header = (ext: Command.Ext | undefined) =>
  Command.encodeResponse(0, 0, 1, undefined, ext, undefined).toString("utf8", 8)

describe("Command", () => {
  it("answers in JSON as Java would, with our language and version", () => {
    const frame = Command.encodeResponse(0, 17, 7, 'no "T"', { topic: "T", n: 1, gone: undefined }, Buffer.from("b"))
    const header = `{"code":17,"extFields":{"topic":"T","n":"1"},"flag":1,"language":"OTHER","opaque":7,"remark":"no \\"T\\"","serializeTypeCurrentRPC":"JSON","version":${gantryVersion}}`
    expect(frame.toString("utf8", 8)).toBe(`${header}b`)
    expect(frame.readInt32BE(0)).toBe(frame.length - 4)
    expect(frame.readInt32BE(4)).toBe(header.length)
  })

  it("leaves out parameters that there are none of, and writes an empty object of the caller's", () => {
    expect(header(undefined)).not.toContain("extFields")
    expect(header(Command.noExt)).not.toContain("extFields")
    expect(header({})).toContain('"extFields":{}')
  })

  it("escapes what JSON wants escaped in names, values and remarks", () => {
    const text = 'a"b\\c\u0001\u0002\n\ud800中😀'
    const frame = Command.encode({ ...Command.request(1, 1, { [text]: text }), remark: text })
    const command = Command.decode(frame, 4, frame.length) as Command.Command
    expect(command.remark).toBe(text)
    expect(command.ext[text]).toBe(text)
  })

  it("gives the body as a view of the bytes it came in", () => {
    const frame = Command.encode(Command.request(10, 1, Command.noExt, Buffer.from("body")))
    const { body } = Command.decode(frame, 4, frame.length) as Command.Command
    expect(body.buffer).toBe(frame.buffer)
    expect(body.toString()).toBe("body")
  })

  it("decodes inside a larger buffer and touches nothing outside", () => {
    const frame = Command.encode(Command.request(10, 1, { topic: "T" }, Buffer.from("body")))
    const around = Buffer.concat([Buffer.from("xxx"), frame, Buffer.from("yyy")])
    const command = Command.decode(around, 7, 3 + frame.length) as Command.Command
    expect(command).toMatchObject({ code: 10, opaque: 1, ext: { topic: "T" } })
    expect(command.body.toString()).toBe("body")
    // A header that claims one byte of what follows the frame is refused, though the byte is there.
    const headerLength = frame.length - 8 - "body".length
    for (const [claimed, isRefused] of [
      [headerLength + 4, false],
      [headerLength + 5, true],
    ] as const) {
      const claims = Buffer.from(around)
      claims.writeUInt32BE(claimed, 7)
      const reason = Command.decode(claims, 7, 3 + frame.length)
      expect(reason instanceof Malformed && /beyond the frame/.test(reason.reason)).toBe(isRefused)
    }
    expect(Command.decode(around, 7, around.length + 1)).toBeInstanceOf(Malformed)
    expect(Command.decode(around, -1, 10)).toBeInstanceOf(Malformed)
  })

  it("keeps the digits of numbers that a number cannot hold, and the text of nested parameters", () => {
    expect(
      decodeHeader('{"extFields":{"a":12345678901234567890,"b":1.50,"c":{"x":[1]},"d":null,"e":true}}'),
    ).toMatchObject({
      ext: { a: "12345678901234567890", b: "1.50", c: '{"x":[1]}', d: null, e: true },
    })
    // The tolerant parser has no digits to give back.
    expect(decodeHeader("{extFields:{'a':1.5}}")).toMatchObject({ ext: { a: 1.5 } })
  })

  it("reads the numbers of a header in every form that peers write, and refuses what is none", () => {
    expect(decodeHeader('{"code":"105","opaque":true,"flag":2.9,"version":null}')).toMatchObject({
      code: 105,
      opaque: 1,
      flag: 2,
      version: 0,
    })
    for (const code of ['"x"', "[]", "{}", "2147483648", "1e300"]) {
      expect(decodeHeader(`{"code":${code}}`), code).toBeInstanceOf(Malformed)
    }
  })

  it("reads languages by name or ordinal, unknown names as none", () => {
    expect(
      [
        "{}",
        '{"language":"go"}',
        '{"language":9}',
        '{"language":"9"}',
        '{"language":"KLINGON"}',
        '{"language":null}',
      ].map((json) => (decodeHeader(json) as Command.Command).language),
    ).toEqual(["JAVA", "GO", "GO", "GO", undefined, undefined])
    expect(decodeHeader('{"language":99}')).toBeInstanceOf(Malformed)
    expect(Language.toCode(undefined)).toBe(Language.toCode("OTHER"))
    expect(Language.fromCode(-1)).toBeUndefined()
  })

  it("tells requests, responses and oneways by their flag", () => {
    const flags = [0, 1, 2, 3].map((flag) => Object.assign({}, Command.request(1, 1, Command.noExt), { flag }))
    expect(flags.map(Command.isResponse)).toEqual([false, true, false, true])
    expect(flags.map(Command.isOneway)).toEqual([false, false, true, true])
  })

  it("announces an unknown language as OTHER in a binary header, and not at all in JSON", () => {
    const command = { ...Command.request(1, 1, Command.noExt), language: undefined }
    expect(Command.encode(command).toString("utf8", 8)).not.toContain("language")
    expect(Command.encode({ ...command, serialize: 1 })[10]).toBe(7)
  })

  it("leaves out of a binary header a name that its length field cannot count", () => {
    const ext = { ["n".repeat(40_000)]: "v", ["中".repeat(10_001)]: "w", kept: "x" }
    const frame = Command.encode({ ...Command.request(1, 1, ext), serialize: 1 })
    const command = Command.decode(frame, 4, frame.length) as Command.Command
    expect(Object.values(command.ext)).toEqual(["w", "x"])
  })

  it("names codes for logs, unknown ones by their digits", () => {
    expect(requestCodeName(310)).toBe("SEND_MESSAGE_V2")
    expect(requestCodeName(-5)).toBe("-5")
    expect(responseCodeName(17)).toBe("TOPIC_NOT_EXIST")
    expect(responseCodeName(9999)).toBe("9999")
  })
})
