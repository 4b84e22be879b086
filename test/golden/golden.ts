/** Opens what lies in this folder. */
import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { untar } from "./untar.ts"

const folder = import.meta.dirname

const gunzipText = (path: string): string => gunzipSync(readFileSync(join(folder, path))).toString("utf8")

export interface Exchange {
  readonly file: string
  readonly scenario: string
  readonly from: string
  readonly to: string
  readonly code: number
  readonly codeName: string
  readonly serialize: "JSON" | "ROCKETMQ"
  readonly responseCode?: number
  /** Hex of the whole frame, its length included. */
  readonly request: string
  readonly response: string | null
}

/** Every recorded exchange. */
export const exchanges = (): Exchange[] => {
  const found: Exchange[] = []
  for (const file of readdirSync(join(folder, "wire"))) {
    for (const line of gunzipText(`wire/${file}`).split("\n")) {
      if (line !== "") found.push({ ...(JSON.parse(line) as Exchange), file })
    }
  }
  return found
}

/** One case of a vector file: its function, its inputs, what came out. */
export interface Case {
  readonly fn: string
  // oxlint-disable-next-line typescript/no-explicit-any -- every function has inputs of its own
  readonly [input: string]: any
}

/** The cases of one function of a vector file. */
export const cases = (file: string, fn: string): Case[] => {
  const all = (JSON.parse(gunzipText(`algorithms/${file}.json.gz`)) as { readonly cases: Case[] }).cases
  return all.filter((one) => one.fn === fn)
}

export const storeNames = ["master-clean", "master-killed", "slave-clean"] as const
export type StoreName = (typeof storeNames)[number]

export interface ExpectedMessage {
  readonly commitLogOffset: number
  readonly storeSize: number
  readonly version: "MESSAGE_VERSION_V1" | "MESSAGE_VERSION_V2"
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly flag: number
  readonly sysFlag: number
  readonly bornTimestamp: number
  readonly bornHost: string
  readonly storeTimestamp: number
  readonly storeHost: string
  readonly reconsumeTimes: number
  readonly preparedTransactionOffset: number
  readonly bodyCRC: number
  readonly bodyLength: number
  readonly bodySha256: string
  readonly bodyText?: string
  readonly plainBodySha256?: string
  readonly tags: string | null
  readonly keys: string | null
  readonly uniqKey: string | null
  readonly offsetMsgId: string
  readonly tagsCode: number | null
  readonly properties: Readonly<Record<string, string>>
}

/** What the writer's own classes report of a store. */
export interface ExpectedStore {
  readonly abortFile: boolean
  readonly checkpoint: Readonly<Record<string, number>>
  readonly checkpointAfterLoad: Readonly<Record<string, number>>
  readonly minPhyOffset: number
  readonly maxPhyOffset: number
  readonly segmentEndBlanks: readonly (readonly [number, number])[]
  readonly messageCount: number
  readonly messages: readonly ExpectedMessage[]
  readonly queues: readonly {
    readonly topic: string
    readonly queueId: number
    readonly type: "SimpleCQ" | "BatchCQ"
    readonly minOffset: number
    readonly maxOffset: number
    readonly entries: readonly (readonly [number, number, number, number, number])[]
  }[]
  readonly indexQueries: readonly { readonly topic: string; readonly key: string; readonly commitLogOffsets: number[] }[]
  readonly topics: readonly { readonly topic: string; readonly readQueueNums: number; readonly perm: number }[]
  readonly consumerOffsets: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly delayOffsets: Readonly<Record<string, number>>
  readonly timerCheckpoint: Readonly<Record<string, number>>
}

/** The files of a recorded store, by their path below its root. */
export const storeFiles = (name: StoreName): Map<string, Buffer> => {
  const files = new Map<string, Buffer>()
  for (const [path, content] of untar(readFileSync(join(folder, "store", `${name}.tar.gz`)))) {
    files.set(path.slice(name.length + 1), content)
  }
  return files
}

export const expectedStore = (name: StoreName): ExpectedStore =>
  JSON.parse(readFileSync(join(folder, "store", `${name}.expected.json`), "utf8")) as ExpectedStore
