/** The messages of a run: each carries who sent it in which order, and a body that shows every byte that is wrong. */
import * as Properties from "../../../../src/domain/Properties.ts"
import { PropertyName } from "../../../../src/domain/Properties.ts"
import type { Attempt } from "../History.ts"

/** Names of our own properties. */
const producerName = "chaosProducer"
const sequenceName = "chaosSequence"

export interface Identity {
  readonly key: string
  readonly producer: string
  readonly sequence: number
}

type Sendable = Pick<Attempt, "delayLevel" | "isUnsafe" | "key" | "producer" | "sequence" | "tag">

export const propertiesOf = (attempt: Sendable): string =>
  Properties.print([
    [PropertyName.KEYS, attempt.key],
    [PropertyName.TAGS, attempt.tag],
    [PropertyName.UNIQ_KEY, attempt.key],
    [producerName, attempt.producer],
    [sequenceName, String(attempt.sequence)],
    ...(attempt.delayLevel > 0 ? [[PropertyName.DELAY, String(attempt.delayLevel)] as const] : []),
    ...(attempt.isUnsafe ? [[PropertyName.WAIT, "false"] as const] : []),
  ])

/** Who sent a stored message; undefined for one that no producer of the run sent. */
export const identityOf = (properties: string): Identity | undefined => {
  const key = Properties.find(properties, PropertyName.KEYS)
  const producer = Properties.find(properties, producerName)
  const sequence = Properties.find(properties, sequenceName)
  if (key === undefined || producer === undefined || sequence === undefined) return undefined
  return { key, producer, sequence: Number(sequence) }
}

export const bodyOf = ({ key, sequence }: Identity, sizeBytes: number): Buffer => {
  const head = `${key}/${sequence}/`
  return Buffer.from(head + key.repeat(Math.ceil(Math.max(0, sizeBytes - head.length) / key.length)))
}

export const isBodyOf = (identity: Identity, body: Buffer): boolean => bodyOf(identity, body.length).equals(body)
