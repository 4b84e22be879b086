/**
 * `pnpm test:chaos`: the long campaigns, of which the test command runs samples. A failure prints its seed, the command
 * that makes it again, and the last lines of its story; the exit code is 1. How to read one: README.md here.
 */
import { parseArgs } from "node:util"
import * as Real from "./real/killLoop.ts"
import { mutants } from "./sim/mutants.ts"
import { print, prove } from "./sim/prove.ts"
import * as Sim from "./sim/Run.ts"
import { bugs, hunt } from "./store/bugs.ts"
import * as Store from "./storeCrash.ts"

const help = `Long campaigns against Gantry's promises.

Usage: pnpm test:chaos [OPTIONS]

      --only WHAT       store: crash states of the store; sim: simulated clusters; real: kill -9 of real processes
      --seed N          where the seeds begin (default 1)
      --states N        crash states of the store (default 6000)
      --runs N          simulated clusters (default 60)
      --cycles N        kills of a real broker (default 20)
      --minutes N       go on with ever new seeds for so long, whatever --states and --runs say
      --ci              what CI has time for: 5000 states, 40 clusters, 20 kills
      --mutants         seeded bugs instead of the product: each must be found, by the checker that is there for it
      --replay STATE    one crash state again, as a failure prints it
      --story N         lines of a failed cluster's story that are printed (default 25)
      --help            show this help
`

const fail = (what: string): never => {
  console.error(`${what}\n\n${help}`)
  process.exit(2)
}

const parse = () => {
  try {
    return parseArgs({
      options: {
        ci: { type: "boolean" },
        cycles: { type: "string" },
        help: { type: "boolean" },
        minutes: { type: "string" },
        mutants: { type: "boolean" },
        only: { type: "string" },
        replay: { type: "string" },
        runs: { type: "string" },
        seed: { type: "string" },
        states: { type: "string" },
        story: { type: "string" },
      },
    }).values
  } catch (error) {
    return fail((error as Error).message)
  }
}

const values = parse()

const numberOf = (name: "cycles" | "minutes" | "runs" | "seed" | "states" | "story", otherwise: number): number => {
  const text = values[name]
  const value = text === undefined ? otherwise : Number(text)
  return Number.isFinite(value) && value > 0 ? value : fail(`--${name} ${text}: not a number above 0`)
}

const kinds = ["store", "sim", "real"] as const
if (values.only !== undefined && !kinds.some((kind) => kind === values.only)) fail(`--only ${values.only}: unknown`)
const wanted = kinds.filter((kind) => values.only === undefined || values.only === kind)
const seed = numberOf("seed", 1)
const storyLines = numberOf("story", 25)
/** When the time of a campaign is over; they share it. */
const shareMs = values.minutes === undefined ? undefined : (numberOf("minutes", 1) * 60_000) / wanted.length
let failures = 0

const failed = (sentence: string, replay: string): void => {
  failures++
  console.error(`  FAIL ${sentence}\n       pnpm test:chaos ${replay}`)
}

/** Says how far a long campaign is, at most every few seconds. */
const progress = (): ((line: () => string) => void) => {
  let toldMs = performance.now()
  return (line) => {
    if (performance.now() - toldMs < 5000) return
    toldMs = performance.now()
    console.log(`  ${line()}`)
  }
}

const deadline = (): (() => boolean) => {
  const endMs = shareMs === undefined ? undefined : performance.now() + shareMs
  return () => endMs !== undefined && performance.now() > endMs
}

const store = (): void => {
  const statesMax =
    shareMs === undefined ? numberOf("states", values.ci === true ? 5000 : 6000) : Number.MAX_SAFE_INTEGER
  console.log(`crash states of the store, from seed ${seed}`)
  const tell = progress()
  const isOver = deadline()
  const onProgress = ({ states }: Store.Report): void => tell(() => `${states} states`)
  const report = Store.campaign({ isOver, nestedEvery: 50, onProgress, seed, statesMax })
  console.log(`  ${Store.print(report)}`)
  for (const { place, sentence } of report.failures.slice(0, 5)) failed(sentence, `--replay '${JSON.stringify(place)}'`)
}

const sim = (): void => {
  const runsMax = shareMs === undefined ? numberOf("runs", values.ci === true ? 40 : 60) : Number.MAX_SAFE_INTEGER
  console.log(`simulated clusters under faults, from seed ${seed}`)
  const tell = progress()
  const isOver = deadline()
  let [acknowledged, deliveries, runs, strikes] = [0, 0, 0, 0]
  for (; runs < runsMax && !isOver(); runs++) {
    const outcome = Sim.run(seed + runs, { tailLines: storyLines })
    acknowledged += outcome.stats.acknowledged
    deliveries += outcome.stats.deliveries
    strikes += outcome.stats.strikes
    const told = (): string =>
      `${runs + 1} clusters, ${strikes} faults, ${acknowledged} acknowledged, ${deliveries} delivered`
    tell(told)
    if (outcome.violations.length === 0) continue
    failed(
      `seed ${outcome.seed}: ${outcome.violations.length} violations`,
      `--only sim --runs 1 --seed ${outcome.seed}`,
    )
    for (const { checker, promise, what } of outcome.violations.slice(0, 10))
      console.error(`       ${promise} ${checker}: ${what}`)
    console.error(`       trace ${outcome.traceHash}; the last of its story:`)
    for (const line of outcome.tail) console.error(`       ${line}`)
  }
  console.log(`  ${runs} clusters, ${strikes} faults, ${acknowledged} messages acknowledged, ${deliveries} delivered`)
}

const real = async (): Promise<void> => {
  const cycles = numberOf("cycles", 20)
  console.log(`kill -9 of a real broker, ${cycles} times, seed ${seed}`)
  const tell = progress()
  const report = await Real.killLoop({ cycles, seed, tell: (line) => tell(() => line) })
  console.log(`  ${report.acknowledged} messages acknowledged, ${report.read} read back`)
  for (const sentence of report.violations.slice(0, 5))
    failed(`${sentence}\n       see ${report.folder}`, `--only real --cycles ${cycles} --seed ${seed}`)
}

/** How many clusters each mutant is tried on, to tell how easily it is found. */
const seedsOfMutant = 12

const seededBugs = (): void => {
  if (wanted.includes("store")) {
    console.log("seeded bugs of the store, to be found by its crash states")
    for (const bug of bugs) {
      const { failures: found, states } = hunt(bug)
      if (found[0] === undefined) failed(`"${bug.name}" survives ${states} states`, "--mutants --only store")
      else console.log(`  "${bug.name}": found at state ${states}: ${found[0].sentence.split("\n")[0]}`)
    }
  }
  if (!wanted.includes("sim")) return
  console.log("seeded bugs of the broker, to be found by the checkers of simulated clusters")
  for (const mutant of mutants) {
    const proof = prove(mutant, { isWhole: true, seedsMax: seedsOfMutant })
    const line = print(proof).split("\n")[0]!
    if (proof.foundAt.length === 0 || proof.falseAlarms.length > 0) failed(line, "--mutants --only sim")
    else console.log(`  ${line}`)
  }
}

if (values.help === true) {
  process.stdout.write(help)
} else if (values.replay !== undefined) {
  Store.replay(JSON.parse(values.replay) as Store.Place)
  console.log("this state keeps every promise")
} else {
  if (values.mutants === true) seededBugs()
  else {
    if (wanted.includes("store")) store()
    if (wanted.includes("sim")) sim()
    if (wanted.includes("real")) await real()
  }
  console.log(failures === 0 ? "1 passed, 0 failed" : `0 passed, ${failures} failed`)
  process.exitCode = failures === 0 ? 0 : 1
}
