/**
 * The broker against what Apache RocketMQ 5.5.0's broker answered to Java clients and administrators of 5.5.0 and 4.9.8
 * (test/golden/wire), played on the simulated world: see brokerGolden/Replay.ts for how, brokerGolden/expected.ts for
 * what is not the same and why. `node test/model/brokerGolden/verdict.ts` prints every exchange that differs.
 */
import { beforeAll, describe, expect, it } from "vitest"
import * as Properties from "../../src/domain/Properties.ts"
import type { Command } from "../../src/format/Command.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import { exchanges } from "../golden/golden.ts"
import { differences } from "./brokerGolden/compare.ts"
import { later, notServed, onPurpose } from "./brokerGolden/expected.ts"
import { bodyIsMessages, type File, files, messagesOf, place, read } from "./brokerGolden/Recording.ts"
import { decodeFrame } from "./brokerGolden/Peer.ts"
import { type Played, replay, type Replayed } from "./brokerGolden/Replay.ts"
import { count, judgeAll, type Verdict } from "./brokerGolden/verdict.ts"

const runs = new Map<File, Replayed>()
const verdicts = new Map<File, ReadonlyArray<Verdict>>()

beforeAll(() => {
  for (const file of files) {
    const run = replay(file)
    runs.set(file, run)
    verdicts.set(file, judgeAll(run))
  }
})

const counts = {
  "java-4.9.8-binary": { different: 0, equal: 173, later: 0, "not served": 0, "on purpose": 11 },
  "java-4.9.8-json": { different: 0, equal: 174, later: 2, "not served": 0, "on purpose": 10 },
  "java-5.5.0-binary": { different: 0, equal: 206, later: 6, "not served": 27, "on purpose": 12 },
  "java-5.5.0-json": { different: 0, equal: 212, later: 8, "not served": 40, "on purpose": 8 },
} as const

/** What answers to checks committed: the recordings leave those out. */
const standIns = {
  "java-4.9.8-binary": ["0@5", "1@9"],
  "java-4.9.8-json": ["0@4", "1@10"],
  "java-5.5.0-binary": ["0@4", "0@5", "1@10"],
  "java-5.5.0-json": ["0@5", "1@9"],
} as const

describe.for(files)("golden exchanges of %s with Apache RocketMQ 5.5.0", (file) => {
  it("are answered the same, but for what is listed", () => {
    const found = verdicts.get(file)!
    expect(found.filter(({ outcome }) => outcome === "different")).toEqual([])
    expect(count(found)).toEqual(counts[file])
  })

  it("leave no warning and no error in the broker's log", () => {
    // The recordings leave answers to checks out, and what the members of POP's group subscribe.
    const leftOut = /^a transaction is given up|^members of a group subscribe differently/
    const logged = runs.get(file)!.logged.filter((line) => !leftOut.test(line))
    expect(logged).toEqual([])
  })

  it("need only messages of transactions, and of POP's topic, in place of recorded ones", () => {
    const run = runs.get(file)!
    const places = [...run.standIns].filter((place) => !place.startsWith(`${prefixOf(file)}Pop `))
    expect(places.toSorted()).toEqual(standIns[file].map((at) => `${prefixOf(file)}Topic ${at}`))
  })

  it("make the broker tell the clients of a group that it changed, as it did then", () => {
    const told = new Set(runs.get(file)!.told.map(({ code, ext }) => `${code} ${ext["consumerGroup"]}`))
    const then = read(file).told.filter(({ code }) => code === 40)
    expect(then.length).toBeGreaterThan(5)
    expect(then.filter(({ group }) => !told.has(`40 ${group}`))).toEqual([])
  })
})

const prefixOf = (file: File): string =>
  ({ "java-4.9.8-binary": "B4", "java-4.9.8-json": "J4", "java-5.5.0-binary": "B5", "java-5.5.0-json": "J5" })[file]

const pushedProperties = ({ ext }: Command) => {
  const properties = Properties.parse(String(ext["properties"]))
  return Object.fromEntries([...properties].map(([name, value]) => [name, name === "PUSH_REPLY_TIME" ? "" : value]))
}

describe("a reply", () => {
  it("is pushed to its requester as it was then", () => {
    const ofTheRun = { bornHost: "", properties: "", storeTimestamp: "" }
    const printed = ({ body, ext }: Command) => [{ ...ext, ...ofTheRun }, body.toString()]
    for (const file of files) {
      const then = exchanges().filter((one) => one.file === `${file}.jsonl.gz` && one.code === 326)
      const theirs = then.map(({ request }) => decodeFrame(Buffer.from(request, "hex")))
      const ours = runs.get(file)!.told.filter(({ code }) => code === 326)
      expect(theirs).toHaveLength(1)
      const asTexts = ours.map((one) => ({
        ...one,
        ext: Object.fromEntries(Object.entries(one.ext).map(([name, value]) => [name, String(value)])),
      }))
      expect(asTexts.map(printed)).toEqual(theirs.map(printed))
      expect(ours.map(pushedProperties)).toEqual(theirs.map(pushedProperties))
    }
  })
})

describe("what is expected to differ", () => {
  it("is named once, and all of it is recorded", () => {
    const codes = Object.values(notServed).flat()
    expect(new Set(codes).size).toBe(codes.length)
    const asked = files.flatMap((file) => runs.get(file)!.played.map(({ recorded }) => recorded))
    expect(codes.filter((code) => !asked.some((one) => one.code === code))).toEqual([])
    const reasons = new Set(files.flatMap((file) => verdicts.get(file)!.map(({ why }) => why)))
    expect([...later, ...onPurpose].filter(({ why }) => !reasons.has(why))).toEqual([])
  })
})

/** Every equal exchange with an answer, and the run that it belongs to. */
const equal = (): ReadonlyArray<readonly [Played, Replayed]> =>
  files.flatMap((file) => {
    const run = runs.get(file)!
    const names = new Set(verdicts.get(file)!.flatMap(({ name, outcome }) => (outcome === "equal" ? [name] : [])))
    return run.played
      .filter(({ ours, recorded }) => ours !== undefined && names.has(recorded.name))
      .map((played) => [played, run] as const)
  })

const differs = ({ ours, recorded }: Played, run: Replayed, changed: Partial<Command>): boolean =>
  differences({ ours: { ...ours!, ...changed }, recorded }, run).length > 0

describe("the comparison", () => {
  it("sees another code, another number, a lost answer, and an answer to what was not answered", () => {
    for (const [played, run] of equal()) {
      expect(differs(played, run, { code: played.ours!.code + 1 })).toBe(true)
      expect(differs(played, run, { opaque: -1 })).toBe(true)
      expect(differences({ ...played, ours: undefined }, run)).toEqual(["no answer"])
      expect(differences({ ...played, recorded: { ...played.recorded, theirs: undefined } }, run)).toHaveLength(1)
    }
  })

  it("sees each parameter that is lost, that is too much, or that has another value", () => {
    let seen = 0
    for (const [played, run] of equal()) {
      const { ext } = played.ours!
      expect(differs(played, run, { ext: { ...ext, more: "1" } })).toBe(true)
      for (const name of Object.keys(ext)) {
        seen++
        expect(differs(played, run, { ext: { ...ext, [name]: undefined } })).toBe(true)
        for (const value of ["", "x"]) expect(differs(played, run, { ext: { ...ext, [name]: value } })).toBe(true)
      }
    }
    expect(seen).toBeGreaterThan(1000)
  })

  it("sees a message that is lost, that comes twice, or that has another content", () => {
    const seen = new Set<string>()
    for (const [played, run] of equal()) {
      if (!bodyIsMessages(played.recorded.code)) continue
      const messages = messagesOf(played.ours!)
      const answer = (all: ReadonlyArray<StoredMessage.StoredMessage>): boolean =>
        differs(played, run, { body: Buffer.concat(all.map((one) => StoredMessage.encode(one))) })
      expect(answer(messages)).toBe(false)
      for (const [i, message] of messages.entries()) {
        const { queueId, queueOffset, topic } = message
        const changed = (change: Partial<StoredMessage.StoredMessage>): boolean =>
          answer(messages.with(i, { ...message, ...change } as StoredMessage.Decoded))
        expect(answer(messages.toSpliced(i, 1))).toBe(true)
        expect(answer(messages.toSpliced(i, 0, message))).toBe(true)
        expect(changed({ queueOffset: queueOffset + 1 })).toBe(true)
        const key = place(topic, queueId, queueOffset)
        if (run.standIns.has(key) || seen.has(key)) continue
        seen.add(key)
        expect(changed({ body: Buffer.from(message.body.map((byte) => byte ^ 1)) })).toBe(true)
        expect(changed({ properties: `${message.properties}more\u00011\u0002` })).toBe(true)
        expect(changed({ properties: "" })).toBe(true)
        for (const field of ["flag", "bornTimestamp", "reconsumeTimes", "physicalOffset"] as const)
          expect(changed({ [field]: message[field] + 1 })).toBe(true)
      }
    }
    expect(seen.size).toBeGreaterThan(60)
  })

  it("sees another name in a body of JSON", () => {
    let seen = 0
    for (const [played, run] of equal()) {
      const text = played.ours!.body.toString()
      const changed = text.replace(/[BJ][45](?=Topic|Group)|192(?=\.0\.2)/, "X")
      if (bodyIsMessages(played.recorded.code) || changed === text) continue
      seen++
      expect([played.recorded.name, differs(played, run, { body: Buffer.from(changed) })]).toEqual([
        played.recorded.name,
        true,
      ])
    }
    expect(seen).toBeGreaterThan(40)
  })
})
