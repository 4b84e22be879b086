/**
 * A sample of the crash-state campaign, and the campaign against bugs that it must find. The whole campaign runs with
 * `pnpm test:chaos`.
 */
import { describe, expect, it } from "vitest"
import { bugs, hunt } from "./store/bugs.ts"
import { campaign, type CampaignOptions, replay, type Report } from "./storeCrash.ts"

const shown = ({ failures }: Report): ReadonlyArray<string> =>
  failures.map(({ place, sentence }) => `${JSON.stringify(place)} ${sentence}`)

describe("crash states of the store", () => {
  it("P1 P2 P9 keep every promise: a sample", () => {
    const report = campaign({ every: 7, nestedEvery: 150, randomSurvivors: 1, statesMax: 600 })
    expect(shown(report)).toEqual([])
    expect(report.states).toBeGreaterThanOrEqual(600)
    expect(report.nestedStates).toBeGreaterThan(50)
  })

  it("are the same for the same seed, and one of them can be made again", () => {
    const options: CampaignOptions = { every: 11, nestedEvery: 40, statesMax: 60 }
    expect(campaign(options)).toEqual(campaign(options))
    expect(() => replay({ boundary: 11, call: "", seed: 1, survivor: 2 }, { every: 11 })).not.toThrow()
  })

  it.for(bugs)("find: $name", (bug) => {
    expect(hunt(bug).failures.length).toBeGreaterThan(0)
  })

  it("find nothing where nothing is wrong: a hunt can fail", () => {
    expect(hunt({ name: "does nothing", seed: 1 }, 200).failures).toEqual([])
  })
})
