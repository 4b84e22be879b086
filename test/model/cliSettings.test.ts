/** The settings of servers, as operators write them: property files, options, and what is said about mistakes. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Machine, readBroker, rules } from "../../src/cli/brokerSettings.ts"
import { foreignBrokerSettings } from "../../src/cli/foreignBrokerSettings.ts"
import { readNamesrv } from "../../src/cli/namesrvSettings.ts"
import * as PropertyFile from "../../src/format/PropertyFile.ts"
import { print } from "../../src/cli/settings.ts"
import { type BrokerConfig, defaults } from "../../src/node/broker/BrokerConfig.ts"

const machine: Machine = { address: "10.1.2.3", home: "/home/rocket", hostName: "pad-39", utcOffsetMinutes: 60 }

const broker = (text: string) => readBroker(PropertyFile.parse(text, "broker.conf"), machine)

const namesrv = (text: string) => readNamesrv(PropertyFile.parse(text, "namesrv.conf"), "/home/rocket")

describe("a property file", () => {
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9.]{0,12}$/)

  it("printed: what was escaped is read back as it was", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.string({ unit: "binary" }))), (pairs) => {
        const text = pairs.map(([key, value]) => `${key}=${PropertyFile.escape(value)}\n`).join("")
        expect(PropertyFile.parse(text, "f").map((entry) => [entry.name, entry.value])).toEqual(pairs)
      }),
    )
  })

  it("lines: an entry's line is the one on which its name stands", () => {
    const noise = fc.constantFrom("", "# a comment \\", "! another", "   ", "\t# indented")
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(noise), name, fc.boolean())), (blocks) => {
        const lines: Array<string> = []
        const expected: Array<string> = []
        for (const [before, key, continues] of blocks) {
          lines.push(...before)
          expected.push(`f:${lines.length + 1}`)
          lines.push(...(continues ? [`${key}=a\\`, "   b"] : [`${key}=a`]))
        }
        const entries = PropertyFile.parse(lines.join("\n"), "f")
        expect(entries.map(({ from }) => from)).toEqual(expected)
        expect(entries.map(({ value }) => value)).toEqual(blocks.map(([, , continues]) => (continues ? "ab" : "a")))
      }),
    )
  })

  it.each([
    ["name=value", "name", "value"],
    ["  name : value ", "name", "value "],
    ["name value", "name", "value"],
    ["name\tvalue", "name", "value"],
    ["name", "name", ""],
    ["na\\=me=a=b", "na=me", "a=b"],
    ["name=a\\u00e9\\t\\\\", "name", "aé\t\\"],
    ["name=C:\\store", "name", "C:store"],
    ["\uFEFFname=value\r\n", "name", "value"],
  ])("reads %j as Java does", (text, key, value) => {
    expect(PropertyFile.parse(text, "f")).toEqual([{ from: "f:1", name: key, value }])
  })
})

describe("the broker's settings", () => {
  it("kind: every setting that is read has the kind of its default", () => {
    const setting = fc.tuple(fc.constantFrom(...Object.keys(defaults)), fc.string())
    fc.assert(
      fc.property(fc.array(setting), (pairs) => {
        const { settings } = readBroker(
          pairs.map(([name, value]) => ({ from: "--set", name, value })),
          machine,
        )
        for (const [name, value] of Object.entries(defaults))
          expect(typeof settings[name as keyof BrokerConfig]).toBe(typeof value)
      }),
    )
  })

  it("last: of several values for one name the last counts", () => {
    expect(broker("listenPort=1\nlistenPort=2").settings.listenPort).toBe(2)
  })

  it("located: each problem says where the value was given", () => {
    const words = fc.constantFrom(...Object.keys(defaults), "brokerRole", "storeType", "no such name")
    fc.assert(
      fc.property(fc.array(fc.tuple(words, fc.string())), (pairs) => {
        const { problems } = readBroker(
          pairs.map(([name, value], index) => ({ from: `f:${index + 1}`, name, value })),
          machine,
        )
        for (const problem of problems) expect(problem).toMatch(/^f:\d+: /)
      }),
    )
  })

  it("takes the defaults as they are printed, and asks nothing more of them", () => {
    const config = broker("").settings
    const again = broker(print(config))
    expect(again.settings).toEqual(config)
    expect(again.problems).toEqual([])
    for (const [name, rule] of Object.entries(rules))
      expect([name, rule.holds(config[name as keyof BrokerConfig])]).toEqual([name, true])
  })

  it("bounds every number (P11)", () => {
    const numbers = Object.entries(defaults).filter(([, value]) => typeof value === "number")
    expect(numbers.map(([name]) => name).filter((name) => !Object.hasOwn(rules, name))).toEqual([])
  })

  it("knows no name twice, as its own and as one that it does not use", () => {
    expect(Object.keys(defaults).filter((name) => foreignBrokerSettings.has(name))).toEqual([])
  })

  it("takes what it does not give from the machine", () => {
    expect(broker("").settings).toMatchObject({
      brokerIP1: "127.0.0.1",
      brokerName: "pad-39",
      storePathRootDir: "/home/rocket/store",
      utcOffsetMinutes: 60,
    })
  })

  it("tells clients the address that it listens on, or one of the machine's", () => {
    expect(broker("bindAddress=10.0.0.7").settings.brokerIP1).toBe("10.0.0.7")
    expect(broker("bindAddress=0.0.0.0").settings.brokerIP1).toBe("10.1.2.3")
    expect(broker("bindAddress=0.0.0.0\nbrokerIP1=192.168.0.9").settings.brokerIP1).toBe("192.168.0.9")
  })

  it("warns of an address that nobody can reach, and of one that everybody can", () => {
    expect(broker("").warnings).toEqual([])
    expect(broker("brokerIP1=10.1.2.3").warnings).toEqual([
      "Clients are told 10.1.2.3 (brokerIP1), but the broker listens on 127.0.0.1 only, where other machines cannot reach it. Set bindAddress=0.0.0.0 to let them.",
    ])
    expect(broker("bindAddress=0.0.0.0").warnings).toEqual([
      "The broker listens on 0.0.0.0 without authentication: whoever reaches it can read, write and administer it.",
    ])
  })

  it("names once what RocketMQ knows and Gantry does not use", () => {
    const { problems, warnings } = broker("haListenPort=10912\nbrokerIP2=127.0.0.1\nbrokerRole=ASYNC_MASTER")
    expect(problems).toEqual([])
    expect(warnings).toEqual([
      "RocketMQ knows these settings, and Gantry does not use them: brokerIP2, brokerRole, haListenPort.",
    ])
  })

  it("suggests a name for a mistyped one, and starts all the same", () => {
    const { problems, warnings } = broker("\nlistenprot=20911")
    expect(problems).toEqual([])
    expect(warnings).toEqual([
      "broker.conf:2: listenprot is not a setting of the broker and is not used. Did you mean listenPort?",
    ])
  })

  it.each([
    ["listenPort=http", "listenPort=http is not a whole number from 0 to 65535."],
    ["listenPort=70000", "listenPort=70000 is not a whole number from 0 to 65535."],
    ["autoCreateTopicEnable=yes", "autoCreateTopicEnable=yes is not true or false."],
    ["flushDiskType=FAST", "flushDiskType=FAST is not one of SYNC_FLUSH, ASYNC_FLUSH."],
    ["deleteWhen=25", 'deleteWhen=25 is not an hour of the day, or several such as "04;16".'],
    ["brokerId=1", "brokerId=1 is not 0, the id of a master: Gantry has no slaves yet."],
    [
      "brokerRole=SLAVE",
      "brokerRole=SLAVE is refused: it asks for replication, which Gantry does not have yet; use ASYNC_MASTER.",
    ],
    [
      "enableControllerMode=true",
      "enableControllerMode=true is refused: it asks for failover by a controller, which Gantry does not have yet; set it to false.",
    ],
    [
      "authenticationEnabled=true",
      "authenticationEnabled=true is refused: it asks for authentication, which Gantry does not have yet; set it to false.",
    ],
    [
      "storeType=defaultRocksDB",
      "storeType=defaultRocksDB is refused: Gantry keeps messages in RocketMQ's default kind of store only; a store of another kind stays with RocketMQ.",
    ],
    [
      "storePathCommitLog=/a/commitlog,/b/commitlog",
      "storePathCommitLog=/a/commitlog,/b/commitlog is refused: Gantry keeps the log in one folder, commitlog in storePathRootDir. Leave it out.",
    ],
    ["totalReplicas=3", "totalReplicas=3 is refused: it asks for replication, which Gantry does not have yet; use 1."],
  ])("refuses %s by name", (line, sentence) => {
    expect(broker(line).problems).toEqual([`broker.conf:1: ${sentence}`])
  })

  it("takes a storePathCommitLog that says what holds anyway", () => {
    const { problems } = broker("storePathRootDir=/data/store\nstorePathCommitLog=/data/store/commitlog")
    expect(problems).toEqual([])
  })
})

describe("the name server's settings", () => {
  it("listens on the loopback unless it is told otherwise", () => {
    expect(namesrv("").settings).toMatchObject({
      bindAddress: "127.0.0.1",
      kvConfigPath: "/home/rocket/namesrv/kvConfig.json",
      listenPort: 9876,
    })
    expect(namesrv("").warnings).toEqual([])
    expect(namesrv("bindAddress=0.0.0.0").warnings).toEqual([
      "The name server listens on 0.0.0.0 without authentication: whoever reaches it can change routes.",
    ])
  })

  it("says where a value cannot be used, and warns of names that it does not know", () => {
    expect(namesrv("# port\nlistenPort=x").problems).toEqual(["namesrv.conf:2: listenPort=x is not a whole number."])
    expect(namesrv("listenPortt=9876")).toMatchObject({
      problems: [],
      warnings: ["namesrv.conf:1: listenPortt is not a setting of the name server. Did you mean listenPort?"],
    })
  })

  it("names once what RocketMQ knows and Gantry does not use", () => {
    expect(namesrv("configStorePath=/x\nserverWorkerThreads=8").warnings).toEqual([
      "RocketMQ knows these settings, and Gantry does not use them: configStorePath, serverWorkerThreads.",
    ])
  })
})
