import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { setImmediate } from "node:timers/promises"
import { expect, it } from "vitest"
import { lockByFile, lockBySocket } from "./NodeLock.ts"

const locks = process.platform === "linux" ? { lockByFile, lockBySocket } : { lockByFile }

/** No other run of the tests may hold it. */
const nameOf = (title: string): string => `${title} ${process.pid} ${Math.random()}`

const take = async (lock: typeof lockByFile, name: string): Promise<(() => void) | undefined> => {
  const answers: Array<(() => void) | undefined> = []
  lock(name, (release) => answers.push(release))
  while (answers.length === 0) await setImmediate()
  return answers[0]
}

/** A process that takes the lock, says so, and then holds it until it is killed. */
const holder = async (lock: string, name: string): Promise<ChildProcess> => {
  const source = new URL("./NodeLock.ts", import.meta.url).href
  const script = `import { ${lock} } from ${JSON.stringify(source)}
    ${lock}(${JSON.stringify(name)}, (release) => process.stdout.write(release === undefined ? "no" : "yes"))
    process.stdin.resume()`
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "inherit"] })
  const [said] = (await once(child.stdout, "data")) as [Buffer]
  expect(said.toString()).toBe("yes")
  return child
}

for (const [title, lock] of Object.entries(locks)) {
  it(`${title}: one holder in a process, free after its release`, async () => {
    const name = nameOf(title)
    const release = await take(lock, name)
    expect(release).toBeDefined()
    expect(await take(lock, name)).toBeUndefined()
    release!()
    const again = await take(lock, name)
    expect(again).toBeDefined()
    again!()
  })

  it(`${title}: another process holds it until it is killed, and nothing of it is left then`, async () => {
    const name = nameOf(title)
    const child = await holder(title, name)
    expect(await take(lock, name)).toBeUndefined()
    child.kill("SIGKILL")
    await once(child, "exit")
    const release = await take(lock, name)
    expect(release).toBeDefined()
    release!()
  })
}
