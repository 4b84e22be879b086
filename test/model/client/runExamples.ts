/** Runs examples one after another in this process, each behind a line with its name: node runExamples.ts FILE… */
import { pathToFileURL } from "node:url"

const namesrvAddr = process.env["NAMESRV_ADDR"]!

for (const file of process.argv.slice(2)) {
  console.log(`## ${file}`)
  // One of them takes the variable away.
  process.env["NAMESRV_ADDR"] = namesrvAddr
  await import(pathToFileURL(`examples/${file}`).href)
}
