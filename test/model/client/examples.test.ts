/** Runs every example against one cluster in this process, and looks at what it prints. */
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, it } from "vitest"
import { startCluster } from "../../../src/embedded/index.ts"
import * as Examples from "./exampleLines.ts"

const root = path.join(import.meta.dirname, "../../..")

it("every example is run here and told of in their README", () => {
  const files = fs.readdirSync(path.join(root, "examples"))
  const examples = files.filter((file) => file.endsWith(".ts"))
  expect(examples).toEqual(Object.keys(Examples.expected))
  const readme = fs.readFileSync(path.join(root, "examples/README.md"), "utf8")
  for (const file of examples) expect(readme).toContain(`[${file}](${file})`)
})

it("each example ends, and prints what it is there to show", async () => {
  await using cluster = await startCluster()
  expect(await Examples.run(cluster.namesrvAddr)).toEqual(Examples.sortedLines())
})
