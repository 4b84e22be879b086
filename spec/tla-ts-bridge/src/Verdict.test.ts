import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { recordOf, seqOf, setOf } from "./Value.ts"
import { readState, readVerdict } from "./Verdict.ts"

const golden = (name: string): string => readFileSync(new URL(`../golden/${name}.txt`, import.meta.url), "utf8")
const read = (name: string): ReturnType<typeof readVerdict> => readVerdict(golden(name), ["Eventually"])

const reason = (name: string): string => {
  const result = read(name)
  return result._tag === "Failed" ? result.reason : result._tag
}

describe("Verdict", () => {
  it("passes a complete search, with its size and what each action did", () => {
    expect(read("passed")).toEqual({
      _tag: "Passed",
      coverage: { Again: { states: 0, transitions: 1 }, Up: { states: 3, transitions: 3 } },
      depth: 4,
      states: 4,
      transitions: 5,
    })
  })

  it("covered: fails a model in which an action is never taken", () => {
    expect(read("idle")).toEqual({ _tag: "Failed", reason: "never taken: Again" })
  })

  it("whole: fails a search that was cut short", () => {
    const cut = golden("passed").split("@!@!@STARTMSG 2193")[0] ?? ""
    expect(readVerdict(cut, [])).toMatchObject({ _tag: "Failed" })
    expect(readVerdict("", [])).toMatchObject({ _tag: "Failed" })
  })

  it("names the violated invariant and gives the way to it", () => {
    const step = { by: 'U"p', from: 0, seen: setOf([0, 5]) }
    expect(read("invariant")).toMatchObject({
      _tag: "Violated",
      invariant: "Small",
      trace: [
        { action: undefined, state: { count: 0, log: seqOf([]) } },
        { action: "Up", state: { count: 1, log: seqOf([recordOf(step)]) } },
        { action: "Up", state: { count: 2 } },
      ],
    })
  })

  it("names an invariant that the first state violates", () => {
    expect(read("initial")).toMatchObject({
      _tag: "Violated",
      invariant: "Small",
      trace: [{ action: undefined, state: { count: 9, log: seqOf([]) } }],
    })
  })

  it("names the violated action property", () => {
    expect(read("property")).toMatchObject({ _tag: "Violated", invariant: "Down", trace: { length: 2 } })
  })

  it("names the property of liveness, and how the behaviour goes on for ever", () => {
    expect(read("stuttering")).toMatchObject({ _tag: "Violated", invariant: "Eventually", loop: "stuttering" })
    expect(read("loop")).toMatchObject({ _tag: "Violated", invariant: "Eventually", loop: 1, trace: { length: 4 } })
    expect(readVerdict(golden("loop"), ["This", "That"])).toMatchObject({ invariant: "This or That" })
  })

  it("tells a deadlock from a violation", () => {
    expect(read("deadlock")).toMatchObject({ _tag: "Deadlocked", states: 4, trace: { length: 4 } })
  })

  it("fails with TLC's words on a spec that cannot be evaluated, read or configured", () => {
    expect(reason("evaluation")).toContain("Attempted to apply Head to the empty sequence")
    expect(reason("unparsable")).toContain('Encountered "Init" at line 11')
    expect(reason("undefined")).toContain("The invariant Nope specified in the configuration file")
  })

  it("reads states of one variable and values of several lines", () => {
    expect(readState("count = 1")).toEqual({ count: 1 })
    expect(readState("/\\ a = {1,\n  2}\n/\\ b = TRUE")).toEqual({ a: setOf([1, 2]), b: true })
  })
})
