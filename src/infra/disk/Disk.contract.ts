/** What every adapter of the Disk port keeps (the guarantees named in Disk.ts, and the errors). */
import { expect, it } from "vitest"
import { type Disk, DiskError, type DiskFile, type DiskReason } from "./Disk.ts"

export interface DiskBench {
  readonly disk: Disk
  /** An existing empty folder, without a slash at its end. */
  readonly root: string
  /** Lets the adapter work until `done` holds; fails when it never does. */
  readonly wait: (done: () => boolean) => Promise<void>
  readonly close: () => void
}

export const suite = (name: string, open: () => Promise<DiskBench>): void => {
  const law = (title: string, body: (bench: DiskBench) => Promise<void> | void): void =>
    it(`${name}: ${title}`, async () => {
      const bench = await open()
      try {
        await body(bench)
      } finally {
        bench.close()
      }
    })

  law("read-own: a read sees the write that completed before it", async ({ disk, root, wait }) => {
    const file = disk.open(`${root}/a`, "create")
    await write(wait, file, bytes(3000, 7), 100)
    expect(file.sizeBytes()).toBe(3100)
    expect(await read(wait, file, 3100, 0)).toEqual(Buffer.concat([Buffer.alloc(100), bytes(3000, 7)]))
    await write(wait, file, bytes(10, 9), 200)
    expect(readNow(file, 20, 195)).toEqual(Buffer.concat([bytes(5, 7), bytes(10, 9), bytes(5, 7)]))
    file.close()
  })

  law("read-own: blocking and asynchronous calls see one file, through any handle", async ({ disk, root, wait }) => {
    const one = disk.open(`${root}/a`, "create")
    const two = disk.open(`${root}/a`, "read")
    one.writeSync(bytes(600, 1), 0)
    expect(await read(wait, two, 600, 0)).toEqual(bytes(600, 1))
    await write(wait, one, bytes(600, 2), 300)
    expect(readNow(two, 900, 0)).toEqual(Buffer.concat([bytes(300, 1), bytes(600, 2)]))
    one.close()
    two.close()
  })

  law("a read ends at the end of the file", async ({ disk, root, wait }) => {
    const file = disk.open(`${root}/a`, "create")
    file.writeSync(bytes(50, 3), 0)
    expect(await read(wait, file, 100, 20)).toEqual(bytes(30, 3))
    expect(await read(wait, file, 100, 50)).toHaveLength(0)
    expect(readNow(file, 100, 5000)).toHaveLength(0)
    file.close()
  })

  law("whole: a large write arrives with every byte, several at once too", async ({ disk, root, wait }) => {
    const file = disk.open(`${root}/a`, "create")
    const part = 300_000
    let ended = 0
    for (const at of [2, 0, 3, 1]) {
      file.write(bytes(part, at + 1), at * part, (error) => {
        expect(error).toBeUndefined()
        ended++
      })
    }
    await wait(() => ended === 4)
    const all = Buffer.concat([1, 2, 3, 4].map((value) => bytes(part, value)))
    expect(readNow(file, part * 4, 0).equals(all)).toBe(true)
    file.close()
  })

  law("an empty write changes nothing, beyond the end either", async ({ disk, root, wait }) => {
    const file = disk.open(`${root}/a`, "create")
    file.writeSync(Buffer.alloc(0), 1000)
    await write(wait, file, Buffer.alloc(0), 2000)
    expect(file.sizeBytes()).toBe(0)
    file.close()
  })

  law("synced: sync answers, and what was written stays readable", async ({ disk, root, wait }) => {
    const file = disk.open(`${root}/a`, "create")
    file.writeSync(bytes(700, 4), 0)
    await sync(wait, file)
    file.writeSync(bytes(700, 5), 700)
    file.syncSync()
    disk.syncDirectory(root)
    expect(readNow(file, 1400, 0)).toEqual(Buffer.concat([bytes(700, 4), bytes(700, 5)]))
    file.close()
  })

  law("truncate cuts, and extends by zeros without taking space", ({ disk, root }) => {
    const file = disk.open(`${root}/a`, "create")
    file.writeSync(bytes(5000, 6), 0)
    file.truncate(1000)
    expect(file.sizeBytes()).toBe(1000)
    file.truncate(8 * 2 ** 30)
    expect(file.sizeBytes()).toBe(8 * 2 ** 30)
    expect(readNow(file, 200, 900)).toEqual(Buffer.concat([bytes(100, 6), Buffer.alloc(100)]))
    expect(readNow(file, 100, 2 ** 32)).toEqual(Buffer.alloc(100))
    file.close()
  })

  law("open: create keeps what is there; read and write need the file; a folder is none", ({ disk, root }) => {
    expect(reason(() => disk.open(`${root}/a`, "read"))).toBe("NotFound")
    expect(reason(() => disk.open(`${root}/a`, "write"))).toBe("NotFound")
    expect(reason(() => disk.open(`${root}/none/a`, "create"))).toBe("NotFound")
    expect(reason(() => disk.open(root, "read"))).toBe("Io")
    const file = disk.open(`${root}/a`, "create")
    file.writeSync(bytes(10, 1), 0)
    file.close()
    const again = disk.open(`${root}/a`, "create")
    expect(readNow(again, 10, 0)).toEqual(bytes(10, 1))
    again.close()
  })

  law("a file opened for reading refuses to be changed", async ({ disk, root, wait }) => {
    disk.open(`${root}/a`, "create").close()
    const file = disk.open(`${root}/a`, "read")
    expect(reason(() => file.writeSync(bytes(1, 1), 0))).toBe("Denied")
    expect(reason(() => file.truncate(10))).toBe("Denied")
    let answer: DiskError | undefined
    file.write(bytes(1, 1), 0, (error) => (answer = error))
    await wait(() => answer !== undefined)
    expect(answer?.reason).toBe("Denied")
    expect(answer?.path).toContain("a")
    file.close()
  })

  law("list: names sorted by code unit, nothing for a missing folder", ({ disk, root }) => {
    for (const name of ["b", "a", "B", "00000000001073741824", "ä", "00000000000000000000"]) {
      disk.open(`${root}/${name}`, "create").close()
    }
    disk.makeDirectory(`${root}/c/d`)
    expect(disk.list(root)).toEqual(["00000000000000000000", "00000000001073741824", "B", "a", "b", "c", "ä"])
    expect(disk.list(`${root}/c`)).toEqual(["d"])
    expect(disk.list(`${root}/none`)).toEqual([])
  })

  law("makeDirectory makes the missing parents and minds no present folder", ({ disk, root }) => {
    disk.makeDirectory(`${root}/x/y/z`)
    disk.makeDirectory(`${root}/x/y`)
    expect(disk.exists(`${root}/x/y/z`)).toBe(true)
    disk.open(`${root}/file`, "create").close()
    expect(reason(() => disk.makeDirectory(`${root}/file`))).toBe("Exists")
  })

  law("rename replaces the target, and an open handle follows its file", ({ disk, root }) => {
    const file = disk.open(`${root}/new`, "create")
    file.writeSync(bytes(5, 1), 0)
    disk.open(`${root}/old`, "create").close()
    disk.makeDirectory(`${root}/sub`)
    disk.rename(`${root}/new`, `${root}/old`)
    disk.rename(`${root}/old`, `${root}/sub/moved`)
    expect(disk.list(root)).toEqual(["sub"])
    file.writeSync(bytes(5, 2), 5)
    const moved = disk.open(`${root}/sub/moved`, "read")
    expect(readNow(moved, 10, 0)).toEqual(Buffer.concat([bytes(5, 1), bytes(5, 2)]))
    expect(reason(() => disk.rename(`${root}/none`, `${root}/x`))).toBe("NotFound")
    file.close()
    moved.close()
  })

  law("remove: a file, an empty folder, or nothing; a removed file is readable while open", ({ disk, root }) => {
    disk.makeDirectory(`${root}/d`)
    const file = disk.open(`${root}/d/a`, "create")
    file.writeSync(bytes(5, 1), 0)
    expect(reason(() => disk.remove(`${root}/d`))).toBe("Exists")
    disk.remove(`${root}/d/a`)
    disk.remove(`${root}/d/a`)
    expect(disk.exists(`${root}/d/a`)).toBe(false)
    expect(readNow(file, 5, 0)).toEqual(bytes(5, 1))
    file.close()
    disk.remove(`${root}/d`)
    expect(disk.list(root)).toEqual([])
  })

  law("syncDirectory of a missing folder is refused", ({ disk, root }) => {
    expect(reason(() => disk.syncDirectory(`${root}/none`))).toBe("NotFound")
  })

  law("close waits for the calls under way, and ends the use of the file", async ({ disk, root, wait }) => {
    const file = disk.open(`${root}/a`, "create")
    let ended = 0
    file.write(bytes(100_000, 5), 0, (error) => {
      expect(error).toBeUndefined()
      ended++
    })
    file.close()
    file.close()
    await wait(() => ended === 1)
    expect(() => file.sizeBytes()).toThrow("after it was closed")
    expect(() => file.read(Buffer.alloc(1), 0, () => {})).toThrow("after it was closed")
    const again = disk.open(`${root}/a`, "read")
    expect(readNow(again, 100_000, 0).equals(bytes(100_000, 5))).toBe(true)
    again.close()
  })

  law("usage tells what is free of how much", ({ disk, root }) => {
    const { freeBytes, totalBytes } = disk.usage(root)
    expect(totalBytes).toBeGreaterThan(0)
    expect(freeBytes).toBeGreaterThan(0)
    expect(freeBytes).toBeLessThanOrEqual(totalBytes)
  })

  law("lock: one holder at a time, by name; free again after its release", async ({ disk, root, wait }) => {
    const take = async (lockName: string): Promise<(() => void) | undefined> => {
      let ended = false
      let release: (() => void) | undefined
      disk.lock(lockName, (answer) => {
        ended = true
        release = answer
      })
      expect(ended).toBe(false)
      await wait(() => ended)
      return release
    }
    const first = await take(`${root}/lock`)
    expect(first).toBeDefined()
    expect(await take(`${root}/lock`)).toBeUndefined()
    const other = await take(`${root}/other`)
    expect(other).toBeDefined()
    first!()
    const second = await take(`${root}/lock`)
    expect(second).toBeDefined()
    second!()
    other!()
  })
}

const bytes = (sizeBytes: number, value: number): Buffer => Buffer.alloc(sizeBytes, value)

const reason = (run: () => unknown): DiskReason | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(DiskError)
    return (error as DiskError).reason
  }
}

const readNow = (file: DiskFile, sizeBytes: number, position: number): Buffer => {
  const target = Buffer.alloc(sizeBytes, 0xee)
  return target.subarray(0, file.readSync(target, position))
}

const read = async (wait: DiskBench["wait"], file: DiskFile, size: number, position: number): Promise<Buffer> => {
  const target = Buffer.alloc(size, 0xee)
  let total: number | undefined
  file.read(target, position, (error, bytesRead) => {
    expect(error).toBeUndefined()
    total = bytesRead
  })
  expect(total).toBeUndefined()
  await wait(() => total !== undefined)
  return target.subarray(0, total)
}

const write = async (wait: DiskBench["wait"], file: DiskFile, source: Buffer, position: number): Promise<void> => {
  let ended = false
  file.write(source, position, (error) => {
    expect(error).toBeUndefined()
    ended = true
  })
  expect(ended).toBe(false)
  await wait(() => ended)
}

const sync = async (wait: DiskBench["wait"], file: DiskFile): Promise<void> => {
  let ended = false
  file.sync((error) => {
    expect(error).toBeUndefined()
    ended = true
  })
  expect(ended).toBe(false)
  await wait(() => ended)
}
