/** Sends that are timed: how long a broker takes to answer a message. */
import * as Properties from "../../domain/Properties.ts"
import { type Queue } from "../ClusterClient.ts"
import { CliFault } from "../CliFault.ts"
import { MessageSender, type Sent } from "../MessageSender.ts"
import type { Admin } from "./Admin.ts"
import * as Output from "./Output.ts"

export interface TimedSend {
  readonly queue: Queue
  readonly sent: Sent | undefined
  /** Why there is no `sent`. */
  readonly reason: string | undefined
  readonly ms: number
}

const wait = [[Properties.PropertyName.WAIT, "true"]] as const

/** Sends one message after the other, to one queue after the other. A refused one is a row, and no reason to stop. */
export const sendTimed = async (
  admin: Admin,
  queues: ReadonlyArray<Queue>,
  count: number,
  sizeBytes: number,
): Promise<ReadonlyArray<TimedSend>> => {
  const sender = new MessageSender(admin.cluster)
  const body = Buffer.alloc(sizeBytes, "a")
  const rows: Array<TimedSend> = []
  for (let i = 0; i < count; i++) {
    const queue = queues[i % queues.length]!
    const start = performance.now()
    const outcome = await sender.send(queue, wait, body).catch((error: unknown) => {
      if (error instanceof CliFault) return error
      throw error
    })
    const ms = Math.round((performance.now() - start) * 100) / 100
    const isSent = !(outcome instanceof CliFault)
    rows.push({ ms, queue, reason: isSent ? undefined : outcome.message, sent: isSent ? outcome : undefined })
  }
  return rows
}

export const timedSends = async (
  admin: Admin,
  queues: ReadonlyArray<Queue>,
  count: number,
  sizeBytes: number,
): Promise<Output.Output> => {
  const rows = await sendTimed(admin, queues, count, sizeBytes)
  const total = rows.reduce((sum, { ms }) => sum + ms, 0)
  const output = Output.table<TimedSend>(
    {
      broker: { cell: ({ queue }) => queue.brokerName, title: "BROKER" },
      queueId: { cell: ({ queue }) => queue.queueId, title: "QUEUE" },
      result: { cell: ({ reason, sent }) => sent?.status ?? reason, title: "RESULT" },
      ms: { cell: ({ ms }) => ms, print: (ms) => Number(ms).toFixed(2), title: "MS" },
      msgId: { cell: ({ sent }) => sent?.id ?? null, title: "MESSAGE ID" },
    },
    rows,
    { below: { facts: { averageMs: ["average ms", Output.rounded(total / rows.length)] }, name: "sends" } },
  )
  return { ...output, isPartial: rows.some(({ sent }) => sent?.isOnDisk !== true) }
}
