import { expect, it } from "vitest"
import { nodeRandom } from "./NodeRandom.ts"
import type { Random } from "./Random.ts"
import { SeededRandom } from "./SeededRandom.ts"

const draws = (random: Random, count: number): Array<number> => Array.from({ length: count }, () => random.u32())

it("one seed gives one stream, other seeds give others", () => {
  expect(draws(new SeededRandom(7), 50)).toEqual(draws(new SeededRandom(7), 50))
  const firsts = new Set(Array.from({ length: 2000 }, (_, seed) => new SeededRandom(seed).u32()))
  expect(firsts.size).toBe(2000)
})

it("a fork is a stream of its own: draws from it do not shift its parent", () => {
  const one = new SeededRandom(3)
  const two = new SeededRandom(3)
  draws(one.fork(), 100)
  two.fork()
  expect(draws(one, 20)).toEqual(draws(two, 20))
})

for (const [name, random] of Object.entries({ NodeRandom: nodeRandom, SeededRandom: new SeededRandom(1) })) {
  it(`${name}: below stays below its bound and reaches every value about equally often`, () => {
    const counts = Array.from({ length: 10 }, () => 0)
    for (let draw = 0; draw < 20_000; draw++) counts[random.below(10)]!++
    // 2000 each by expectation with a deviation of 42: ten deviations never happen by chance.
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(420)
    expect(random.below(1)).toBe(0)
  })

  it(`${name}: u32 fills 32 bits`, () => {
    const seen = draws(random, 2000)
    expect(seen.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32)).toBe(true)
    expect(seen.some((value) => value >= 2 ** 31)).toBe(true)
    expect(seen.some((value) => value % 2 === 1)).toBe(true)
  })
}

it("chance and between keep their bounds", () => {
  const random = new SeededRandom(9)
  expect(random.chance(0)).toBe(false)
  expect(random.chance(1)).toBe(true)
  for (let draw = 0; draw < 1000; draw++) {
    const value = random.between(5, 6)
    expect(value >= 5 && value < 6).toBe(true)
  }
})
