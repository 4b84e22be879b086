/**
 * A broker that stores nothing and answers at once: with it the generator's own limit is measured (`--only fake`) and
 * its tests run. Counts what it acknowledged, so that GET_MAX_OFFSET adds up: all in queue 0.
 */

import * as Net from "node:net"
import { setImmediate as nextTurn } from "node:timers/promises"
import * as Frame from "./Frame.ts"

const sendExt = {
  queueId: "0",
  transactionId: "7F000001000026A42E8F000100000000",
  msgId: "7F00000100002A9F0000000000000000",
  TRACE_ON: "true",
  MSG_REGION: "DefaultRegion",
  queueOffset: "0",
}

const answer = (code: number, opaque: number, extFields: Readonly<Record<string, string>>, body: Uint8Array): Buffer =>
  Frame.frame(
    JSON.stringify({
      code,
      extFields,
      flag: 1,
      language: "JAVA",
      opaque,
      serializeTypeCurrentRPC: "JSON",
      version: 513,
    }),
    body,
  )

const none = new Uint8Array(0)

/** `count` stored messages as far as a counter of records looks: size and magic, then zeros. */
const records = (count: number, sizeBytes: number): Buffer => {
  const bytes = Buffer.alloc(count * sizeBytes)
  for (let at = 0; at < bytes.length; at += sizeBytes) {
    bytes.writeUInt32BE(sizeBytes, at)
    bytes.writeUInt32BE(0xdaa320a7, at + 4)
  }
  return bytes
}

export interface FakeBroker {
  readonly port: number
  /** Requests seen, by code. */
  readonly seen: Readonly<Record<number, number>>
  readonly close: () => Promise<void>
}

export interface FakeOptions {
  readonly port?: number
  /** Answers every so many-th send with SYSTEM_BUSY (2). */
  readonly refuseEvery?: number
  /** Answers in pieces of so many bytes, each in a turn of its own, to test the other side's framing. */
  readonly pieceSizeBytes?: number
}

export const listen = async (options: FakeOptions = {}): Promise<FakeBroker> => {
  const seen: Record<number, number> = {}
  const head: Frame.Head = { code: 0, opaque: 0 }
  const sent = answer(0, Frame.opaqueBase, sendExt, none)
  const sentOpaqueAt = sent.indexOf(String(Frame.opaqueBase))
  const stored = records(32, 400)

  const reply = (buffer: Buffer, at: number): Buffer => {
    if (!Frame.readHead(buffer, at, head)) throw new Error("a request without code or opaque")
    const count = (seen[head.code] ?? 0) + 1
    seen[head.code] = count
    switch (head.code) {
      case Frame.RequestCode.sendMessageV2: {
        if (options.refuseEvery !== undefined && count % options.refuseEvery === 0) {
          return answer(2, head.opaque, {}, none)
        }
        const copy = Buffer.from(sent)
        Frame.patchDecimal(copy, sentOpaqueAt, 10, head.opaque)
        return copy
      }
      case Frame.RequestCode.pullMessage: {
        const queueOffset = Frame.extNumber(buffer, at, "queueOffset")
        const ext = {
          suggestWhichBrokerId: "0",
          nextBeginOffset: String(queueOffset + 32),
          minOffset: "0",
          maxOffset: "0",
        }
        return answer(0, head.opaque, ext, stored)
      }
      case Frame.RequestCode.getMaxOffset: {
        const first = Frame.extNumber(buffer, at, "queueId") === 0
        return answer(
          0,
          head.opaque,
          { offset: String(first ? (seen[Frame.RequestCode.sendMessageV2] ?? 0) : 0) },
          none,
        )
      }
      default:
        return answer(0, head.opaque, {}, none)
    }
  }

  const sockets = new Set<Net.Socket>()
  const server = Net.createServer({ noDelay: true }, (socket) => {
    let rest: Buffer = Buffer.alloc(0)
    let written = Promise.resolve()
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
    socket.on("error", () => socket.destroy())
    socket.on("data", (chunk: Buffer) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const answers: Array<Buffer> = []
      let at = 0
      while (bytes.length - at >= 8) {
        const end = at + 4 + bytes.readUInt32BE(at)
        if (end > bytes.length) break
        answers.push(reply(bytes, at + 4))
        at = end
      }
      written = write(socket, Buffer.concat(answers), options.pieceSizeBytes, written)
      rest = bytes.subarray(at)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(options.port ?? 0, "127.0.0.1", resolve)
  })
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("listening on no port")
  return {
    port: address.port,
    seen,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

/** Writes at once, or piece by piece after whatever is still being written in pieces. */
const write = async (socket: Net.Socket, bytes: Buffer, pieceSizeBytes: number | undefined, before: Promise<void>) => {
  if (pieceSizeBytes === undefined) {
    socket.write(bytes)
    return
  }
  await before
  for (let at = 0; at < bytes.length; at += pieceSizeBytes) {
    socket.write(bytes.subarray(at, at + pieceSizeBytes))
    await nextTurn()
  }
}

if (import.meta.main) await listen({ port: Number(process.argv[2] ?? 0) })
