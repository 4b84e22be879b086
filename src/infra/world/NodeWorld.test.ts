import { expect, it } from "vitest"
import { silent } from "../telemetry/Log.ts"
import { makeNodeWorld } from "./NodeWorld.ts"

it("gives the log and the trace that it was given, and real adapters for the rest", () => {
  const traced: Array<string> = []
  const world = makeNodeWorld({ log: silent, trace: (action) => traced.push(action) })
  world.trace?.("Append", {})
  expect(traced).toEqual(["Append"])
  expect(world.log).toBe(silent)
  expect(world.disk.exists(import.meta.filename)).toBe(true)
  expect(makeNodeWorld().trace).toBeUndefined()
})
