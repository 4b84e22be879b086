/** The words of the command line: the table, its help, and what is said to words that are not understood. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Call, parse } from "../../src/cli/Call.ts"
import { CliFault } from "../../src/cli/CliFault.ts"
import type { Command } from "../../src/cli/Command.ts"
import { commands } from "../../src/cli/commands.ts"
import { help, overview } from "../../src/cli/help.ts"
import { printTime, readTime } from "../../src/cli/time.ts"

const named = (name: string): Command => commands.find((command) => command.name === name)!

const call = (name: string, ...words: ReadonlyArray<string>): Call => {
  const parsed = parse(named(name), words)
  if (parsed === "help") throw new Error("asked for help")
  return parsed
}

const refusal = (name: string, ...words: ReadonlyArray<string>): string => {
  try {
    call(name, ...words)
  } catch (error) {
    if (error instanceof CliFault && error.exitCode === 2) return error.message
    throw error
  }
  throw new Error("was understood")
}

describe("words", () => {
  it("reads options anywhere among the operands, short and long", () => {
    const read = call("produce", "-n", "a:1", "orders", "--tag=A", "-q", "hello", "--key", "1", "--key", "2")
    expect(read.operands).toEqual(["orders", "hello"])
    expect(read.text("namesrv")).toBe("a:1")
    expect(read.text("tag")).toBe("A")
    expect(read.all("key")).toEqual(["1", "2"])
    expect(read.flag("quiet")).toBe(true)
    expect(read.text("property")).toBeUndefined()
  })

  it("takes what follows -- as it is", () => {
    expect(call("produce", "orders", "--", "--not-an-option").operands).toEqual(["orders", "--not-an-option"])
  })

  it.each([
    [["dev", "--prot", "1"], "gantry dev has no option --prot. Did you mean --port? See gantry dev --help."],
    [["dev", "-x"], "gantry dev has no option -x. See gantry dev --help."],
    [["dev", "--port"], "--port needs a value: --port PORT. See gantry dev --help."],
    [["dev", "--verbose=yes"], "--verbose takes no value. See gantry dev --help."],
    [["dev", "--port", "1", "--port", "2"], "--port is given twice. See gantry dev --help."],
    [["dev", "now"], 'gantry dev takes options only, and not "now". See gantry dev --help.'],
    [["consume"], "gantry consume needs TOPIC: too few words. See gantry consume --help."],
    [["produce", "a", "b", "c"], 'gantry produce takes TOPIC [BODY], and not "c" too. See gantry produce --help.'],
  ] as const)("refuses %j with what to do", (words, sentence) => {
    const [name, ...rest] = words
    expect(refusal(name, ...rest)).toBe(sentence)
  })

  it("holds numbers to their bounds, and words to their list", () => {
    const read = call("consume", "t", "--max", "0", "-o", "jsn")
    expect(() => read.integer("max", 1, 10)).toThrow("--max 0 is not a whole number from 1 to 10.")
    expect(() => read.choice("output", ["text", "json"])).toThrow(
      "--output jsn is none of text, json. Did you mean json?",
    )
    expect(call("consume", "t", "--max", "7").integer("max", 1, 10)).toBe(7)
  })

  it("never fails otherwise, whatever the words", () => {
    fc.assert(
      fc.property(fc.constantFrom(...commands), fc.array(fc.string()), (command, words) => {
        try {
          parse(command, words)
        } catch (error) {
          expect(error).toBeInstanceOf(CliFault)
        }
      }),
    )
  })
})

describe("help", () => {
  it("lists every command, and every option of each", () => {
    for (const command of commands) {
      expect(overview(commands)).toContain(command.name)
      // A family reads its words itself: test/model/admin tells of its help.
      if (command.isFamily === true) continue
      expect(parse(command, ["--help"])).toBe("help")
      for (const name of Object.keys(command.options)) expect(help(command)).toContain(`--${name}`)
    }
  })

  it("gives examples that are understood", () => {
    for (const command of commands) {
      const examples = command.details.split("\n").filter((line) => line.startsWith("  gantry "))
      for (const example of examples) {
        const [, name, ...words] = shellWords(example.split(" < ")[0]!.trim())
        expect(name).toBe(command.name)
        expect(parse(command, words)).toBeInstanceOf(Call)
      }
    }
  })

  it("fits a line of 120 characters", () => {
    for (const text of [overview(commands), ...commands.map(help)])
      expect(text.split("\n").filter((line) => line.length > 120)).toEqual([])
  })
})

/** Splits a line as a shell does, as far as the examples need it. */
const shellWords = (line: string): ReadonlyArray<string> =>
  (line.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? []).map((word) => word.replace(/^(["'])(.*)\1$/, "$2"))

describe("times", () => {
  const nowMs = Date.UTC(2026, 0, 31, 12)

  it.each([
    ["10m", nowMs - 600_000],
    ["2h", nowMs - 7_200_000],
    ["1d", nowMs - 86_400_000],
    ["1769860800000", 1_769_860_800_000],
    ["2026-01-31T08:00Z", Date.UTC(2026, 0, 31, 8)],
    ["2026-01-31 08:00:01.5+01:00", Date.UTC(2026, 0, 31, 7, 0, 1, 500)],
    ["2026-13-31", undefined],
    ["yesterday", undefined],
    ["10", undefined],
  ])("reads %s", (text, timeMs) => {
    expect(readTime(text, nowMs)).toBe(timeMs)
  })

  it("printed: a time that was printed is read back", () => {
    // Local times around a change of the clocks are ambiguous; this span has none in UTC, and tests run in any zone.
    const time = fc.integer({ max: Date.UTC(2026, 1, 20), min: Date.UTC(2026, 0, 10) })
    fc.assert(
      fc.property(time, (timeMs) => {
        expect(readTime(printTime(timeMs), nowMs)).toBe(timeMs)
      }),
    )
  })
})
