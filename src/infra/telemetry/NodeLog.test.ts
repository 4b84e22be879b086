import { expect, it } from "vitest"
import { silent } from "./Log.ts"
import { makeNodeLog, type NodeLogOptions } from "./NodeLog.ts"

const lines = (options: NodeLogOptions, act: (log: ReturnType<typeof makeNodeLog>) => void): ReadonlyArray<string> => {
  const written: Array<string> = []
  act(makeNodeLog({ ...options, write: (line) => written.push(line) }))
  return written
}

it("JSON: one object a line, with time, level, message and fields", () => {
  const [line, ...more] = lines({ fields: { node: "a" }, pretty: false }, (log) =>
    log.info("started", { error: new Error("odd"), offset: 5n, port: 9876, time: "forged" }),
  )
  expect(more).toEqual([])
  expect(line).toMatch(/^\{.*\}\n$/)
  const parsed = JSON.parse(line!) as Record<string, unknown>
  expect(parsed).toMatchObject({ level: "info", message: "started", node: "a", offset: "5", port: 9876 })
  expect(parsed["time"]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  expect(parsed["field.time"]).toBe("forged")
  expect(parsed["error"]).toContain("Error: odd\n")
})

const logAll = (log: ReturnType<typeof makeNodeLog>): void => {
  log.debug("d")
  log.info("i")
  log.warn("w")
  log.error("e")
}

it("levels: what lies below the asked one is dropped", () => {
  const messages = (options: NodeLogOptions): string =>
    lines({ ...options, pretty: false }, logAll)
      .map((line) => (JSON.parse(line) as { message: string }).message)
      .join("")
  expect(messages({})).toBe("iwe")
  expect(messages({ level: "debug" })).toBe("diwe")
  expect(messages({ level: "error" })).toBe("e")
  logAll(silent)
})

it("pretty: a line for a person, in which a client's text can neither steer the terminal nor pose as a line", () => {
  const [line] = lines({ pretty: true }, (log) =>
    log.warn("refused \x1b[2J topic", { absent: undefined, forged: "a\n12:00:00 error b", list: [1, 2], name: "t" }),
  )
  const plain = ["0", "33", "90"].reduce((text, colour) => text.replaceAll(`\x1b[${colour}m`, ""), line!)
  expect(plain).toMatch(
    /^\d\d:\d\d:\d\d warn {2}refused \\u001b\[2J topic absent=undefined forged=a\n {2}12:00:00 error b list=\[1,2\] name=t\n$/,
  )
})
