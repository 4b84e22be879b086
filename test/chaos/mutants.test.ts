/** A checker that has never caught anything is not trusted: each must find the bugs that are seeded for it. */
import { describe, expect, it } from "vitest"
import { checkers } from "./sim/checkers/index.ts"
import { faults } from "./sim/faults/index.ts"
import { mutants } from "./sim/mutants.ts"
import { print, prove } from "./sim/prove.ts"
import { run } from "./sim/Run.ts"

describe("the checkers of simulated clusters", () => {
  it("have a mutant each, and each mutant has a checker and faults that are there", () => {
    expect(new Set(mutants.map(({ foundBy }) => foundBy))).toEqual(new Set(checkers.map(({ name }) => name)))
    const known = new Set(faults.map(({ name }) => name))
    expect(mutants.flatMap(({ needs = [] }) => needs).filter((name) => !known.has(name))).toEqual([])
  })

  it.for(mutants)("$foundBy finds: $name", (mutant) => {
    const proof = prove(mutant)
    expect(proof.foundAt, print(proof)).not.toEqual([])
    expect(proof.falseAlarms).toEqual([])
  })

  it("let a mutant survive that changes nothing: a proof can fail", () => {
    const proof = prove({ broker: () => {}, foundBy: "durable", name: "does nothing" }, { seedsMax: 2 })
    expect(proof.foundAt).toEqual([])
    expect(print(proof)).toContain("survives 2 clusters")
  })

  it("let a mutant survive whose own checker says nothing, whoever else complains", () => {
    const mutant = mutants.find(({ name }) => name === "leaves a gap")
    const proof = prove({ ...mutant!, foundBy: "ordered" }, { seedsMax: 1 })
    expect(proof.foundAt).toEqual([])
  })
})

describe("the nemesis", () => {
  it("strikes with every kind of fault", () => {
    const all = faults.map(({ name }) => name)
    const { stats, violations } = run(1, {
      fixed: { faultEveryMs: 500, faults: all, flush: "SYNC_FLUSH", loadMs: 120_000, messagesMax: 100 },
    })
    expect(violations).toEqual([])
    expect(new Set(Object.keys(stats.struck))).toEqual(new Set(all))
  })
})
