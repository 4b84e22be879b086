import { describe, expect, it } from "vitest"
import type { Disk, DiskFile } from "../disk/Disk.ts"
import { makeMemoryDisk } from "../disk/MemoryDisk.ts"
import { ScriptedClock } from "../remoting/ScriptedWorld.ts"
import { OpenFiles } from "./SegmentFiles.ts"

/** Handles of one file, and how many of them were opened and are open. */
const begin = () => {
  const memory = makeMemoryDisk(new ScriptedClock())
  memory.makeDirectory("/a")
  memory.open("/a/0", "create").close()
  const seen = { open: 0, opened: 0 }
  const disk: Disk = {
    ...memory,
    open: (path, mode): DiskFile => {
      const file = memory.open(path, mode)
      seen.open++
      seen.opened++
      return {
        ...file,
        close: () => {
          seen.open--
          file.close()
        },
      }
    },
  }
  return { files: new OpenFiles(disk), memory, seen }
}

describe("open files", () => {
  it("share a handle, and close it when the file is forgotten", () => {
    const { files, seen } = begin()
    files.use("/a/0")
    files.use("/a/0")
    expect(seen).toEqual({ open: 1, opened: 1 })
    files.forget("/a/0")
    files.forget("/a/0")
    expect(seen.open).toBe(0)
  })

  it("a handle with a call under way is closed after the call, also when its file is removed", () => {
    const { files, seen } = begin()
    files.enter("/a/0")
    files.enter("/a/0")
    files.forget("/a/0")
    files.leave("/a/0")
    expect(seen.open).toBe(1)
    files.leave("/a/0")
    expect(seen.open).toBe(0)
    files.leave("/a/0")
  })

  it("a file that is made again has a handle of its own, and no call loses its handle", () => {
    const { files, memory, seen } = begin()
    files.enter("/a/0")
    files.forget("/a/0")
    memory.remove("/a/0")
    memory.open("/a/0", "create").close()
    files.enter("/a/0")
    expect(seen).toEqual({ open: 2, opened: 2 })
    files.leave("/a/0")
    expect(seen.open).toBe(2)
    files.leave("/a/0")
    expect(seen.open).toBe(1)
    files.closeAll()
    expect(seen.open).toBe(0)
  })

  it("all are closed at the end, those of removed files too", () => {
    const { files, seen } = begin()
    files.enter("/a/0")
    files.forget("/a/0")
    files.closeAll()
    expect(seen.open).toBe(0)
    files.leave("/a/0")
  })
})
