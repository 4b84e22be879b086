/** What became of each exchange of a recording; run by itself, it prints how many of each, and every reason. */
import { differences } from "./compare.ts"
import { later, notServed, onPurpose } from "./expected.ts"
import { files } from "./Recording.ts"
import { type Played, replay, type Replayed } from "./Replay.ts"

export type Outcome = "equal" | "on purpose" | "later" | "not served" | "different"

export interface Verdict {
  readonly name: string
  readonly outcome: Outcome
  /** Why it is not the same, or in what it differs. */
  readonly why: string
}

const featureOf = new Map(
  Object.entries(notServed).flatMap(([feature, codes]) => codes.map((code) => [code, feature] as const)),
)

export const judge = (played: Played, run: Replayed): Verdict => {
  const { ours, recorded } = played
  const { code, name, scenario } = recorded
  const found = differences(played, run)
  const feature = featureOf.get(code)
  if (feature !== undefined) {
    const isClean = recorded.asked.flag === 2 ? ours === undefined : ours?.code === 3
    if (isClean) return { name, outcome: "not served", why: feature }
  } else if (found.length === 0) return { name, outcome: "equal", why: "" }
  const feature2 = later.find((rule) => rule.codes.includes(code) && rule.scenario.test(scenario))
  if (feature2 !== undefined && ours?.code === feature2.answer) return { name, outcome: "later", why: feature2.why }
  const rule = onPurpose.find((one) => one.code === code && one.scenario === scenario)
  if (rule !== undefined && found.every((what) => rule.differs.test(what)))
    return { name, outcome: "on purpose", why: rule.why }
  return { name, outcome: "different", why: found.join("; ") }
}

export const judgeAll = (run: Replayed): ReadonlyArray<Verdict> => run.played.map((one) => judge(one, run))

/** How many of each outcome. */
export const count = (verdicts: ReadonlyArray<Verdict>): Readonly<Record<Outcome, number>> => {
  const counts = { different: 0, equal: 0, later: 0, "not served": 0, "on purpose": 0 }
  for (const { outcome } of verdicts) counts[outcome]++
  return counts
}

if (import.meta.main)
  for (const file of files) {
    const run = replay(file)
    const verdicts = judgeAll(run)
    process.stdout.write(`${file}: ${verdicts.length} exchanges ${JSON.stringify(count(verdicts))}\n`)
    for (const { name, outcome, why } of verdicts)
      if (outcome !== "equal") process.stdout.write(`  ${outcome}: ${name}: ${why}\n`)
    for (const what of run.prepared) process.stdout.write(`  prepared: ${what}\n`)
  }
