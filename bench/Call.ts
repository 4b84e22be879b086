/** Single requests to a server, outside the measured load: to see it come up, to create a topic, to ask for offsets. */

import { setTimeout as sleep } from "node:timers/promises"
import type { Child } from "../test/interop/processes.ts"
import * as Processes from "../test/interop/processes.ts"
import * as Frame from "./Frame.ts"
import { Link } from "./Link.ts"

export interface Answer {
  readonly code: number
  /** An extension field of the answer as a number; -1 when it is not there. */
  readonly number: (key: string) => number
}

export const host = "127.0.0.1"
export const brokerName = "broker-a"

/** Sends one request on a connection of its own. Rejects when there is no connection, or no answer in `timeoutMs`. */
export const call = async (port: number, request: Buffer, timeoutMs = 5_000): Promise<Answer> => {
  const answered = Promise.withResolvers<Answer>()
  const timer = setTimeout(() => answered.reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  try {
    const link = await Link.open(host, port, request.length, {
      onFrame: (buffer, at) => {
        const head: Frame.Head = { code: 0, opaque: 0 }
        if (!Frame.readHead(buffer, at, head)) return answered.reject(new Error("an answer without a code"))
        const kept = Buffer.from(buffer.subarray(at, at + 4 + (buffer.readUInt32BE(at) & 0xffffff)))
        answered.resolve({ code: head.code, number: (key) => Frame.extNumber(kept, 0, key) })
      },
      onTurn: () => undefined,
      onLost: (why) => answered.reject(new Error(why)),
    })
    link.post(request)
    link.flush()
    return await answered.promise.finally(() => link.close())
  } finally {
    clearTimeout(timer)
  }
}

/** Whether anything listens on a port. */
export const taken = async (port: number): Promise<boolean> => {
  const nothing = { onFrame: () => undefined, onTurn: () => undefined, onLost: () => undefined }
  try {
    const link = await Link.open(host, port, 0, nothing)
    link.close()
    return true
  } catch {
    return false
  }
}

const pollMs = 2

/** Asks again and again, `pollMs` apart, until an answer is `good`. Throws when the process ends or `patienceMs` is over. */
export const until = async (
  child: Child,
  port: number,
  request: () => Buffer,
  good: (answer: Answer) => boolean,
  patienceMs = 120_000,
): Promise<void> => {
  const deadlineMs = performance.now() + patienceMs
  let last = "no connection"
  for (;;) {
    if (child.ended()) throw new Error(`${child.name} ended before it answered\n${Processes.tail(child)}`)
    try {
      const answer = await call(port, request(), 1_000)
      if (good(answer)) return
      last = `code ${answer.code}`
    } catch (error) {
      last = error instanceof Error ? error.message : String(error)
    }
    if (performance.now() > deadlineMs) throw new Error(`${child.name}: ${last}\n${Processes.tail(child)}`)
    await sleep(pollMs)
  }
}

/** One send to a topic that the broker creates by itself. */
export const sendOnce = (topic: string): Buffer =>
  Frame.sendRequest(
    {
      producerGroup: "bench-producer",
      topic,
      queueId: 0,
      bornTimestamp: Date.now(),
      uniqKey: "7F000001000026A42E8F0001FFFFFFFF",
      brokerName,
      opaque: Frame.opaqueBase,
    },
    Buffer.from("ready?"),
  )

export const routeOf = (topic: string): Buffer =>
  Frame.request(Frame.RequestCode.getRouteInfoByTopic, Frame.opaqueBase, { topic })

/** Creates a topic of `queues` queues, readable and writable. */
export const createTopic = async (port: number, topic: string, queues: number): Promise<void> => {
  const { code } = await call(
    port,
    Frame.request(Frame.RequestCode.updateAndCreateTopic, Frame.opaqueBase, {
      topic,
      defaultTopic: "TBW102",
      readQueueNums: String(queues),
      writeQueueNums: String(queues),
      perm: "6",
      topicFilterType: "SINGLE_TAG",
      topicSysFlag: "0",
      order: "false",
    }),
  )
  if (code !== Frame.ResponseCode.success) throw new Error(`creating topic ${topic} was answered with code ${code}`)
}

/** The queue offset behind the last message of each queue. */
export const maxOffsets = (port: number, topic: string, queues: number): Promise<ReadonlyArray<number>> =>
  Promise.all(
    Array.from({ length: queues }, async (_, queueId) => {
      const request = Frame.request(Frame.RequestCode.getMaxOffset, Frame.opaqueBase, {
        topic,
        queueId: String(queueId),
      })
      const { code, number } = await call(port, request)
      if (code !== Frame.ResponseCode.success) throw new Error(`the maximum offset was answered with code ${code}`)
      return number("offset")
    }),
  )
