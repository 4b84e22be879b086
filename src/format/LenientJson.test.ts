import { describe, expect, it } from "vitest"
import * as LenientJson from "./LenientJson.ts"
import { Malformed } from "./Malformed.ts"

const nested = (depth: number) => `${"[".repeat(depth)}+1${"]".repeat(depth)}`

const guard = (text: string) => LenientJson.guard(Buffer.from(text), 0, Buffer.byteLength(text))

describe("LenientJson", () => {
  it("reads what fastjson writes and standard JSON does not know", () => {
    const read: readonly (readonly [string, unknown])[] = [
      ['{0:"a",-1:"b"}', { "-1": "b", 0: "a" }],
      ["{a:1,$b_:2}", { $b_: 2, a: 1 }],
      ["{'a':'it''s'}".replace("''", "\\'"), { a: "it's" }],
      ['{{"queueId":0,"topic":"T"}:{"n":1}}', { '{"queueId":0,"topic":"T"}': { n: 1 } }],
      ["[1,2,]", [1, 2]],
      ["{a:+5,b:-0.5,c:1e3,d:.5}", { a: 5, b: -0.5, c: 1000, d: 0.5 }],
      ["/* c */ [true,false,null] // end", [true, false, null]],
      ["[\"\\u4e2d\\x41\\n\\v\\q\\/\",'\u0001']", ["中A\n\vq/", "\u0001"]],
      ["{__proto__:1,}", JSON.parse('{"__proto__":1}')],
    ]
    for (const [text, value] of read) expect(LenientJson.parse(text), text).toEqual(value)
  })

  it("refuses what no peer writes", () => {
    const refused = [
      "",
      "{",
      "[",
      "[1",
      "{a",
      "{a:",
      "{a:1",
      "{a:1 b:2}",
      "[1 2]",
      '"a',
      "'a",
      "{}x",
      "{}{}",
      "nope",
      "{a:nul}",
      "-",
      "{:1}",
      '["\\u12"]',
      '["\\xzz"]',
      "\uFEFF{}",
      "\u00a0{}",
      "0x10",
      "{a:1}}",
      "/*",
    ]
    for (const text of refused) expect(LenientJson.parse(text), text).toBeInstanceOf(Malformed)
  })

  it("says where it stopped", () => {
    expect(LenientJson.parse("{a:1 b}")).toMatchObject({ format: "Json", reason: "no end of object at character 5" })
    expect(LenientJson.parse("{a:?}")).toMatchObject({ reason: "no value at character 3" })
  })

  it("bounds the nesting of what the tolerant parser reads", () => {
    expect(LenientJson.parse(nested(LenientJson.depthMax))).not.toBeInstanceOf(Malformed)
    expect(LenientJson.parse(nested(LenientJson.depthMax + 1))).toBeInstanceOf(Malformed)
    expect(LenientJson.parse("{".repeat(100))).toBeInstanceOf(Malformed)
  })

  it("guards bytes without reading them: strings do not nest, escapes do not end them", () => {
    expect(guard(`"${"[".repeat(1000)}"`)).toBeUndefined()
    expect(guard(`'${"{".repeat(1000)}'`)).toBeUndefined()
    expect(guard(`"\\"${"[".repeat(1000)}`)).toBeUndefined()
    expect(guard(`""${"[".repeat(65)}`)).toMatch(/nested/)
    expect(guard("[]".repeat(1000))).toBeUndefined()
    expect(LenientJson.parseBytes(Buffer.from([0x22, 0xff, 0x22]))).toMatchObject({ reason: "not UTF-8" })
  })
})
