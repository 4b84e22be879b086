/**
 * `pnpm test:chaos`: the long campaigns, of which the test command runs samples.
 *
 *   --only store|sim|real   one of them: crash states of the store, simulated clusters, kill -9 of real processes
 *   --states N              crash states of the store (default 6000)
 *   --runs N                simulated clusters (default 60)
 *   --cycles N              kills of a real broker (default 20)
 *   --seed N                where the seeds begin (default 1)
 *   --replay STATE          one crash state again, as a failure prints it
 *   --ci                    what CI has time for: 5000 states, 20 clusters, 20 kills
 *
 * A failure prints its seed and the command that makes it again, and the exit code is 1.
 */
import { parseArgs } from "node:util"
import * as Real from "./real/killLoop.ts"
import * as Sim from "./sim/Run.ts"
import * as Store from "./storeCrash.ts"

const help = `Usage: pnpm test:chaos [--only store|sim|real] [--states N] [--runs N] [--cycles N] [--seed N] [--replay STATE] [--ci]`

const { values } = parseArgs({
  options: {
    ci: { type: "boolean" },
    cycles: { type: "string" },
    help: { type: "boolean" },
    only: { type: "string" },
    replay: { type: "string" },
    runs: { type: "string" },
    seed: { type: "string" },
    states: { type: "string" },
  },
})

const numberOf = (text: string | undefined, otherwise: number): number => {
  const value = text === undefined ? otherwise : Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  console.error(`"${text}" is not a number above 0.\n${help}`)
  process.exit(2)
}

const seed = numberOf(values.seed, 1)
const isWanted = (name: string): boolean => values.only === undefined || values.only === name
let failures = 0

const store = (): void => {
  const statesMax = numberOf(values.states, values.ci === true ? 5000 : 6000)
  console.log(`crash states of the store, from seed ${seed}:`)
  const report = Store.campaign({ nestedEvery: 50, seed, statesMax })
  console.log(`  ${Store.print(report)}`)
  for (const { place, sentence } of report.failures.slice(0, 5)) {
    failures++
    console.error(`  FAIL ${sentence}\n       pnpm test:chaos --replay '${JSON.stringify(place)}'`)
  }
}

const sim = (): void => {
  const runs = numberOf(values.runs, values.ci === true ? 20 : 60)
  console.log(`simulated clusters under faults, from seed ${seed}:`)
  let acknowledged = 0
  let deliveries = 0
  let strikes = 0
  for (let i = 0; i < runs; i++) {
    const outcome = Sim.run(seed + i)
    acknowledged += outcome.stats.acknowledged
    deliveries += outcome.stats.deliveries
    strikes += outcome.stats.strikes
    if (outcome.violations.length > 0) {
      failures++
      console.error(`  FAIL seed ${outcome.seed}: ${JSON.stringify(outcome.violations.slice(0, 3))}`)
      for (const line of outcome.tail.slice(-20)) console.error(`       ${line}`)
      console.error(`       pnpm test:chaos --only sim --runs 1 --seed ${outcome.seed}`)
    } else if ((i + 1) % 5 === 0) console.log(`  ${i + 1} of ${runs}`)
  }
  console.log(`  ${runs} clusters, ${strikes} faults, ${acknowledged} messages acknowledged, ${deliveries} delivered`)
}

const real = async (): Promise<void> => {
  const cycles = numberOf(values.cycles, 20)
  console.log(`kill -9 of a real broker, ${cycles} times, seed ${seed}:`)
  const report = await Real.killLoop({ cycles, seed, tell: (line) => console.log(`  ${line}`) })
  console.log(`  ${report.acknowledged} messages acknowledged, ${report.read} read back`)
  for (const sentence of report.violations.slice(0, 5)) {
    failures++
    console.error(`  FAIL ${sentence}\n       pnpm test:chaos --only real --cycles ${cycles} --seed ${seed}`)
  }
}

if (values.help === true) {
  console.log(help)
} else if (values.replay !== undefined) {
  Store.replay(JSON.parse(values.replay) as Store.Place)
  console.log("this state keeps every promise")
} else {
  if (isWanted("store")) store()
  if (isWanted("sim")) sim()
  if (isWanted("real")) await real()
  console.log(failures === 0 ? "1 passed, 0 failed" : `0 passed, ${failures} failed`)
  process.exitCode = failures === 0 ? 0 : 1
}
