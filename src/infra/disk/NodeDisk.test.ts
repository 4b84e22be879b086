import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { setImmediate } from "node:timers/promises"
import { suite } from "./Disk.contract.ts"
import { nodeDisk } from "./NodeDisk.ts"

const wait = async (done: () => boolean): Promise<void> => {
  while (!done()) await setImmediate()
}

const temporaryFolder = (): string => fs.mkdtempSync(path.join(os.tmpdir(), "gantry-disk-"))

suite("NodeDisk", async () => {
  const root = temporaryFolder()
  return { close: () => fs.rmSync(root, { force: true, recursive: true }), disk: nodeDisk, root, wait }
})
