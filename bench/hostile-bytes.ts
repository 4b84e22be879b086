/**
 * How many hostile inputs a second the decoders refuse (promise P11): one thread, cases made on the fly, most of them
 * whole frames. Refusing must be cheaper than sending.
 *
 *   node bench/hostile-bytes.ts [cases] [seed]
 */
import { hostileCases } from "../test/model/formatHostileCases.ts"

const count = Number(process.argv[2] ?? 500_000)
const seed = Number(process.argv[3] ?? 20_261_121)
const next = hostileCases(seed)
const refusedBy = new Map<string, { cases: number; refused: number }>()

for (let index = 0; index < 20_000; index++) {
  const { bytes, target } = next()
  target.isRefused(bytes)
}

const start = performance.now()
for (let index = 0; index < count; index++) {
  const { bytes, target } = next()
  const tally = refusedBy.get(target.name) ?? { cases: 0, refused: 0 }
  tally.cases++
  if (target.isRefused(bytes)) tally.refused++
  refusedBy.set(target.name, tally)
}
const seconds = (performance.now() - start) / 1000

for (const [name, { cases, refused }] of [...refusedBy].toSorted(([, left], [, right]) => right.cases - left.cases)) {
  console.log(
    `${name.padEnd(28)} ${String(cases).padStart(8)} cases  ${((100 * refused) / cases).toFixed(1).padStart(5)} % refused`,
  )
}
console.log(`${Math.round(count / seconds)} cases/s (${count} cases, seed ${seed})`)
