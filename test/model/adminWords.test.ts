/** The words of `gantry admin`: mqadmin's spellings, and what is said to words that are not understood. */
import * as fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type AdminOption, type AdminWords, canonical, commandOf, optionsOf } from "../../src/cli/admin/AdminWords.ts"
import { areas, notServed } from "../../src/cli/admin/areas.ts"
import { tracesIn } from "../../src/cli/admin/traces.ts"
import { Call, parse } from "../../src/cli/Call.ts"
import { CliFault } from "../../src/cli/CliFault.ts"
import { help } from "../../src/cli/help.ts"
import { captured } from "./admin/captured.ts"

const commands = areas.flatMap((area) => area.commands)

const named = (name: string): AdminWords => commands.find((words) => words.name === name)!

const read = (name: string, ...line: ReadonlyArray<string>): Call => {
  const parsed = parse(commandOf(named(name)), canonical(named(name), line))
  if (parsed === "help") throw new Error("asked for help")
  return parsed
}

describe("mqadmin's spellings", () => {
  it("takes a long name after one dash, with the value behind it or after an equals sign", () => {
    for (const line of [["-topic", "orders"], ["--topic", "orders"], ["-topic=orders"], ["-torders"], ["-t", "orders"]])
      expect(read("topicRoute", ...line).text("topic")).toBe("orders")
  })

  it("takes -o as mqadmin means it, and json as the form of the output everywhere", () => {
    const call = read("updateTopic", "-t", "orders", "-o", "true", "-o", "json")
    expect(call.text("order")).toBe("true")
    expect(call.text("output")).toBe("json")
  })

  it("takes values that look like options", () => {
    expect(read("resetOffsetByTime", "-s", "-1", "-g", "g").text("timestamp")).toBe("-1")
    expect(read("sendMessage", "-p", "-topic", "-t", "orders").text("body")).toBe("-topic")
    expect(read("printMsgByQueue", "-p", "false", "-a", "b").text("printMsg")).toBe("false")
  })

  it("keeps words that belong to no option, as mqadmin does", () => {
    expect(read("topicList", "-c", "DefaultCluster").operands).toEqual(["DefaultCluster"])
  })

  it("never fails otherwise, whatever the words", () => {
    const line = fc.array(fc.oneof(fc.string(), fc.constantFrom("-t", "-o", "json", "-topic", "--", "-", "--topic=")))
    fc.assert(
      fc.property(fc.constantFrom(...commands), line, (words, each) => {
        try {
          parse(commandOf(words), canonical(words, each))
        } catch (error) {
          expect(error).toBeInstanceOf(CliFault)
        }
      }),
    )
  })
})

describe("help", () => {
  it.each(commands.map((words) => [words.name, words] as const))(
    "of %s fits a line and has examples that work",
    (_, words) => {
      const text = help(commandOf(words))
      expect(text.split("\n").filter((line) => line.length > 120)).toEqual([])
      expect(words.examples.length).toBeGreaterThan(0)
      for (const example of words.examples) {
        const [name, ...line] = (example.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? []).map((word) =>
          word.replace(/^(["'])(.*)\1$/, "$2"),
        )
        expect(name).toBe(words.name)
        const call = parse(commandOf(words), canonical(words, line))
        if (call === "help") throw new Error("an example asks for help")
        for (const [option, { required }] of Object.entries(words.options))
          if (required === true) expect(call.text(option)).toBeDefined()
        expect(words.oneOf?.some((option) => call.text(option) !== undefined) ?? true).toBe(true)
      }
    },
  )

  it("gives no letter twice", () => {
    for (const words of commands) {
      const shorts = Object.values(optionsOf(words)).flatMap(({ short }) => (short === undefined ? [] : [short]))
      expect(new Set(shorts).size).toBe(shorts.length)
    }
  })

  it("says why a command of mqadmin is not there", () => {
    for (const [name, why] of Object.entries(notServed)) {
      expect(commands.map((words) => words.name)).not.toContain(name)
      expect(why).toMatch(/\.$/)
    }
  })
})

describe("bad values", () => {
  // Nothing listens there: a command that asks a cluster before it has read its words would say so, and end with 1.
  beforeAll(() => {
    process.env["NAMESRV_ADDR"] = "127.0.0.1:1"
  })
  afterAll(() => {
    delete process.env["NAMESRV_ADDR"]
  })

  /** By what stands for the value in the help: one that is right, and one that never is. */
  const kinds: Readonly<Record<string, readonly [good: string, bad: string]>> = {
    ADDRESSES: ["127.0.0.1:1", "nowhere"],
    CHARSET: ["utf-8", "utf-99"],
    FORM: ["json", "xml"],
    GROUP: ["billing", "bill ing"],
    "HOST:PORT": ["127.0.0.1:1", "127.0.0.1:port"],
    JSON: ["{}", "{"],
    "K|T": ["K", "X"],
    NUMBER: ["1", "many"],
    PERM: ["6", "5"],
    "PULL|POP": ["PULL", "PUSH"],
    TIME: ["now", "yesterday"],
    TOPIC: ["orders", "or ders"],
    "true|false": ["true", "maybe"],
  }

  const goodOf = ({ value = "" }: AdminOption): string => kinds[value]?.[0] ?? "1"

  /** Options that are taken and not used, or whose text may be anything. */
  const isFree = (name: string, { help: text, value = "" }: AdminOption): boolean =>
    text.startsWith("taken because") || !Object.hasOwn(kinds, value) || name === "producerGroup"

  /** Options that are only looked at beside others. */
  const beside: Readonly<Record<string, ReadonlyArray<string>>> = {
    "queryMsgById consumerGroup": ["--clientId", "c"],
    "queryMsgByUniqueKey consumerGroup": ["--clientId", "c"],
  }

  const cases = commands.flatMap((words) =>
    Object.entries(optionsOf(words)).flatMap(([name, option]) => {
      if (isFree(name, option)) return []
      const needed = Object.entries(words.options)
        .filter(
          ([each, { required }]) =>
            each !== name && (required === true || (words.oneOf?.[1] === each && words.oneOf[0] !== name)),
        )
        .flatMap(([each, one]) => [`--${each}`, goodOf(one)])
      const line = [...needed, ...(beside[`${words.name} ${name}`] ?? []), `--${name}`, kinds[option.value!]![1]]
      return [[`${words.name} --${name}`, name, [words.name, ...line]] as const]
    }),
  )

  it.each(cases)("%s is refused before anything is asked of a cluster", async (_, name, line) => {
    const { code, err, out } = await captured(["admin", ...line])
    expect({ code, out }).toEqual({ code: 2, out: "" })
    expect(err).toContain(/TOPIC|GROUP|ADDRESSES/.test(optionsOf(named(line[0]!))[name]!.value!) ? "" : `--${name}`)
    expect(err).toContain(`gantry admin ${line[0]} --help`)
  })

  it.each([
    [["updateTopic", "-t", "orders"], "needs --brokerAddr or --clusterName"],
    [["updateTopic", "-c", "DefaultCluster"], "needs -t, --topic."],
    [["sendMessage", "-t", "orders", "-p", "x", "-i", "1"], "--qid needs --broker"],
    [["resetOffsetByTime", "-g", "g", "-t", "orders", "-s", "now", "-q", "1"], "--queue needs --broker"],
    [["updateOrderConf", "-t", "orders", "-m", "put", "-v", "broker-a"], "is not BROKER:QUEUES;BROKER:QUEUES"],
    [["queryMsgById", "-t", "orders", "-i", "1", "-d", "c"], "--clientId and --consumerGroup go together"],
    [["createUser", "-u", "alice"], "it needs access control, which Gantry does not have yet."],
    [["updatTopic"], "gantry admin has no command updatTopic. Did you mean updateTopic?"],
    [["updateTopic", "--perms", "6"], "has no option --perms. Did you mean --perm?"],
  ] as const)("%j is refused: %s", async (line, sentence) => {
    const { code, err } = await captured(["admin", ...line])
    expect(code).toBe(2)
    expect(err).toContain(sentence)
  })
})

const record = (...fields: ReadonlyArray<string>): string => `${fields.join("\u0001")}\u0002`

describe("traces", () => {
  it("tells who sent and who consumed a message, and leaves out what is about others", () => {
    const body =
      record("Pub", "1000", "r", "shop", "orders", "id", "t", "k", "h:1", "5", "7", "0", "offset", "true") +
      record("Pub", "1000", "r", "shop", "orders", "other", "t", "k", "h:1", "5", "7", "0", "offset", "true") +
      record("SubBefore", "2000", "r", "billing", "request", "id", "0", "k") +
      record("SubAfter", "request", "id", "9", "false", "k", "1") +
      record("nonsense")
    expect(tracesIn(body, "id")).toEqual([
      { costMs: 7, group: "shop", isSuccess: true, timeMs: 1000, type: "sent" },
      { costMs: 9, group: "billing", isSuccess: false, timeMs: 2000, type: "consumed" },
    ])
  })
})
