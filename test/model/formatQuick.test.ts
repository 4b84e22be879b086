/** What is read or printed by hand because it is done with every message is what the declarations say. */
import * as fc from "fast-check"
import { expect, it } from "vitest"
import * as Command from "../../src/format/Command.ts"
import { Malformed } from "../../src/format/Malformed.ts"
import * as Send from "../../src/format/SendMessage.ts"
import { Outbox } from "../../src/infra/remoting/Outbox.ts"

const { keys } = Send.SendMessageV2
type Name = keyof typeof keys
const names = Object.keys(keys) as ReadonlyArray<Name>

const usual: Readonly<Record<string, string>> = {
  a: "group",
  b: "topic",
  c: "TBW102",
  d: "4",
  e: "3",
  f: "0",
  g: "1763700000000",
  h: "0",
  i: "KEYS\u0001k\u0002",
  j: "0",
  k: "false",
  m: "false",
  n: "broker-a",
}

const odd = fc.oneof(
  fc.constantFrom(
    undefined,
    null,
    true,
    false,
    7,
    -1,
    2 ** 40,
    "",
    "true",
    "TRUE",
    "no",
    "+5",
    "-0",
    "007",
    "1e3",
    " 1",
  ),
  fc.constantFrom(
    "2147483647",
    "2147483648",
    "-2147483648",
    "9007199254740993",
    "9223372036854775808",
    "٣",
    "toString",
  ),
  fc.string(),
)

it("quick: letters that are read by hand say what the declaration says", () => {
  const changes = fc.array(fc.tuple(fc.constantFrom(...names), odd), { maxLength: 4 })
  fc.assert(
    fc.property(changes, (changed) => {
      const byLetters: { [letter: string]: string | number | boolean | null } = { ...usual }
      for (const [name, value] of changed) {
        if (value === undefined) delete byLetters[keys[name]]
        else byLetters[keys[name]] = value
      }
      const byNames: { [name: string]: string | number | boolean | null } = {}
      for (const name of names) {
        const value = byLetters[keys[name]]
        if (value !== undefined) byNames[name] = value
      }
      const declared = Send.SendMessage.decode(byNames)
      const quick = Send.SendMessageV2.decode(byLetters)
      if (declared instanceof Malformed) expect(quick).toBeInstanceOf(Malformed)
      else expect(quick).toEqual(declared)
    }),
    { numRuns: 2000 },
  )
})

it("quick: an answer that is printed by hand is the answer that is encoded", () => {
  const text = fc.string({ unit: "binary" })
  const count = fc.nat({ max: Number.MAX_SAFE_INTEGER })
  fc.assert(
    fc.property(count, count, fc.option(text, { nil: undefined }), text, fc.boolean(), fc.integer(), (...drawn) => {
      const [queueId, queueOffset, transactionId, region, isTraced, opaque] = drawn
      const traceOn = String(isTraced)
      const members = Send.printAnswer("0A", queueId, queueOffset, transactionId, Send.printAnswerTail(region, traceOn))
      const ext = { msgId: "0A", queueId, queueOffset, transactionId, MSG_REGION: region, TRACE_ON: traceOn }
      expect(Command.printedResponseHeader(10, opaque, members)).toBe(
        Command.responseHeader(10, opaque, undefined, ext),
      )
    }),
  )
})

it("order: whatever is gathered in a turn leaves as its bytes, one after the other", () => {
  const piece = fc.oneof(
    fc.nat({ max: 300 }),
    fc.constantFrom(0, 4095, 4096, 70_000, 300_000).map((sizeBytes) => sizeBytes),
    fc.string({ maxLength: 2000 }),
  )
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 12 }), { maxLength: 4 }), (turns) => {
      const outbox = new Outbox()
      for (const turn of turns) {
        const expected: Array<Buffer> = []
        const written: Array<Buffer> = []
        for (const [index, one] of turn.entries()) {
          const bytes = typeof one === "string" ? Buffer.from(one) : Buffer.alloc(one, index)
          if (typeof one === "string") {
            outbox.pushJsonHead(one, index)
            const head = Buffer.alloc(8)
            head.writeInt32BE(4 + bytes.length + index, 0)
            head.writeInt32BE(bytes.length, 4)
            expected.push(head, bytes)
          } else {
            outbox.push(bytes)
            expected.push(bytes)
          }
        }
        const whole = Buffer.concat(expected)
        expect(outbox.sizeBytes).toBe(whole.length)
        outbox.flush({ write: (bytes: Buffer) => written.push(bytes) > 0 } as never)
        expect(Buffer.concat(written).equals(whole)).toBe(true)
        expect(outbox.sizeBytes).toBe(0)
      }
    }),
  )
})
