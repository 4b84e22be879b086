import fc from "fast-check"
import { assert, it } from "vitest"
import * as Properties from "../../../src/domain/Properties.ts"

const word = fc.constantFrom(
  "TAGS",
  "KEYS",
  "WAIT",
  "DELAY",
  "UNIQ_KEY",
  "UNIQ_KEx",
  "A",
  "",
  "\u0001",
  "\u0002",
  "v",
  "1",
)

it("glance: one pass says what find says, for every text", () => {
  fc.assert(
    fc.property(fc.array(word, { maxLength: 24 }), (words) => {
      const text = words.join("")
      assert.deepStrictEqual(Properties.glance(text), {
        delay: Properties.find(text, "DELAY"),
        keys: Properties.find(text, "KEYS"),
        tags: Properties.find(text, "TAGS"),
        uniqKey: Properties.find(text, "UNIQ_KEY"),
        wait: Properties.find(text, "WAIT"),
      })
    }),
    { numRuns: 5000 },
  )
})
