/** What accounts of formats use. */
import type { Host } from "../../../src/format/Host.ts"
import { Malformed } from "../../../src/format/Malformed.ts"
import * as StoredMessage from "../../../src/format/StoredMessage.ts"
import type { Case } from "./Account.ts"

export const valueOf = <T>(decoded: T | Malformed): T => {
  if (decoded instanceof Malformed) throw decoded
  return decoded
}

export const hex = (bytes: Buffer): string => bytes.toString("hex")
export const bytesOf = (text: string | null): Buffer => Buffer.from(text ?? "", "hex")
export const isError = (expected: unknown): boolean =>
  typeof expected === "object" && expected !== null && "error" in expected
export const isExact = (digits: string): boolean => Number.isSafeInteger(Number(digits))

export const hostOf = ({ ip, port }: { readonly ip: string; readonly port: number }): Host => {
  const tail = Buffer.alloc(4)
  tail.writeInt32BE(port)
  return Buffer.concat([bytesOf(ip), tail])
}

/** The message that a case describes. */
export const messageOf = (one: Case): StoredMessage.StoredMessage => ({
  version: one["version"] as 1 | 2,
  topic: one["topic"] as string,
  queueId: one["queueId"] as number,
  flag: one["flag"] as number,
  queueOffset: Number(one["queueOffset"] ?? 0),
  physicalOffset: 0,
  sysFlag: one["sysFlag"] as number,
  bornTimestamp: Number(one["bornTimestamp"]),
  bornHost: hostOf(one["bornHost"]),
  storeTimestamp: Number(one["storeTimestamp"]),
  storeHost: hostOf(one["storeHost"]),
  reconsumeTimes: one["reconsumeTimes"] as number,
  preparedTransactionOffset: Number(one["preparedTransactionOffset"] ?? 0),
  body: bytesOf(one["body"] as string | null),
  properties: (one["propertiesString"] as string | null) ?? "",
})
