/**
 * What brokers answered to sends, read off the wire of simulated clients: the evidence for the checks of `checks.ts`.
 * It sees every send of every client, whatever made it, and takes part in nothing.
 */
import * as Properties from "../domain/Properties.ts"
import { PropertyName } from "../domain/Properties.ts"
import { Malformed } from "../format/Malformed.ts"
import * as Command from "../format/Command.ts"
import { crc31 } from "../format/Crc32.ts"
import * as MessageId from "../format/MessageId.ts"
import { RequestCode } from "../format/RequestCode.ts"
import { ResponseCode } from "../format/ResponseCode.ts"
import { SendMessage, SendMessageAnswer, SendMessageV2 } from "../format/SendMessage.ts"
import type { Connection, ConnectionEvents, Network } from "../infra/network/Network.ts"
import { FrameSplitter } from "../infra/remoting/FrameSplitter.ts"
import type { World } from "../infra/world/World.ts"

/** A message that was answered SEND_OK; each element of a batch is one. */
export interface Acknowledged {
  /** The connection that it was sent on, and its place among that connection's sends. */
  readonly connection: number
  readonly sequence: number
  readonly topic: string
  /** The queue that was asked for; negative: the broker chose. */
  readonly askedQueueId: number
  /** The answer: where it lies. */
  readonly storeHost: string
  readonly commitLogOffset: number
  readonly queueId: number
  readonly queueOffset: number
  /** False: the producer asked not to wait for the disk (WAIT=false), so that the message may be lost. */
  readonly isWaiting: boolean
  /** Checksum of the body; undefined within a batch. */
  readonly bodyCrc: number | undefined
}

interface Send {
  readonly header: SendMessage
  readonly sequence: number
  readonly bodyCrc: number
}

export class SendLedger {
  readonly acknowledged: Array<Acknowledged> = []
  #connections = 0

  /** The world with every connection that is opened from it read along. */
  readonly watch = (world: World): World => ({ ...world, network: this.#watched(world.network) })

  #watched(network: Network): Network {
    return {
      connect: (address, timeoutMs, opened, failed) =>
        network.connect(address, timeoutMs, (connection) => this.#tap(connection, opened), failed),
      listen: network.listen,
    }
  }

  #tap(connection: Connection, opened: (connection: Connection) => ConnectionEvents): ConnectionEvents {
    const id = ++this.#connections
    const sends = new Map<number, Send>()
    let sequence = 0
    const out = framesOf((command) => {
      const header = sendOf(command)
      if (header !== undefined)
        sends.set(command.opaque, { bodyCrc: crc31(command.body), header, sequence: ++sequence })
    })
    const back = framesOf((command) => {
      const send = sends.get(command.opaque)
      if (send === undefined || !Command.isResponse(command)) return
      sends.delete(command.opaque)
      if (command.code === ResponseCode.SUCCESS) this.#answered(id, send, command)
    })
    const events = opened({
      destroy: () => connection.destroy(),
      end: () => connection.end(),
      local: connection.local,
      pause: () => connection.pause(),
      pendingBytes: () => connection.pendingBytes(),
      remote: connection.remote,
      resume: () => connection.resume(),
      write: (bytes) => {
        out(bytes)
        return connection.write(bytes)
      },
    })
    return {
      onClose: (error) => events.onClose(error),
      onData: (chunk) => {
        back(chunk)
        events.onData(chunk)
      },
      onDrain: () => events.onDrain(),
    }
  }

  #answered(connection: number, { bodyCrc, header, sequence }: Send, command: Command.Command): void {
    const answer = SendMessageAnswer.decode(command.ext)
    if (answer instanceof Malformed) return
    const ids = answer.msgId.split(",")
    for (const [index, text] of ids.entries()) {
      const id = MessageId.decode(text)
      if (id instanceof Malformed) continue
      this.acknowledged.push({
        askedQueueId: header.queueId,
        bodyCrc: ids.length === 1 && header.batch !== true ? bodyCrc : undefined,
        commitLogOffset: id.physicalOffset,
        connection,
        isWaiting: Properties.find(header.properties ?? "", PropertyName.WAIT) !== "false",
        queueId: answer.queueId,
        queueOffset: answer.queueOffset + index,
        sequence,
        storeHost: id.host.toString("hex"),
        topic: header.topic,
      })
    }
  }
}

/** Hands on the commands of a stream; reads no further when it cannot be read. */
const framesOf = (handle: (command: Command.Command) => void): ((bytes: Buffer) => void) => {
  const splitter = new FrameSplitter()
  return (bytes) => {
    splitter.push(bytes)
    while (splitter.next()) {
      const command = Command.decode(splitter.frame, splitter.start, splitter.end)
      if (!(command instanceof Malformed)) handle(command)
    }
  }
}

const sendOf = ({ code, ext }: Command.Command): SendMessage | undefined => {
  if (code === RequestCode.SEND_MESSAGE) return valid(SendMessage.decode(ext))
  if (code === RequestCode.SEND_MESSAGE_V2 || code === RequestCode.SEND_BATCH_MESSAGE)
    return valid(SendMessageV2.decode(ext))
  return undefined
}

const valid = (header: SendMessage | Malformed): SendMessage | undefined =>
  header instanceof Malformed ? undefined : header
