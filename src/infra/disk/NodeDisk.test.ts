import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { setImmediate } from "node:timers/promises"
import { expect, it } from "vitest"
import { suite } from "./Disk.contract.ts"
import { nodeDisk } from "./NodeDisk.ts"
import { lockByFile } from "./NodeLock.ts"

const wait = async (done: () => boolean): Promise<void> => {
  while (!done()) await setImmediate()
}

const temporaryFolder = (): string => fs.mkdtempSync(path.join(os.tmpdir(), "gantry-disk-"))

suite("NodeDisk", async () => {
  const root = temporaryFolder()
  return { close: () => fs.rmSync(root, { force: true, recursive: true }), disk: nodeDisk, root, wait }
})

const take = async (name: string): Promise<(() => void) | undefined> => {
  const answers: Array<(() => void) | undefined> = []
  lockByFile(name, (release) => answers.push(release))
  await wait(() => answers.length > 0)
  return answers[0]
}

it("lockByFile: a live holder keeps it, a release frees it", async () => {
  const name = temporaryFolder()
  const release = await take(name)
  expect(release).toBeDefined()
  expect(await take(name)).toBeUndefined()
  release!()
  const again = await take(name)
  expect(again).toBeDefined()
  again!()
  fs.rmdirSync(name)
})
