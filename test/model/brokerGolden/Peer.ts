/** A connection of a recorded client to the simulated broker: sends frames as they are, keeps what comes back. */
import * as Command from "../../../src/format/Command.ts"
import type { Address, Connection } from "../../../src/infra/network/Network.ts"
import { FrameSplitter } from "../../../src/infra/remoting/FrameSplitter.ts"
import type { SimNode, SimWorld } from "../../../src/infra/world/SimWorld.ts"

export const decodeFrame = (frame: Buffer): Command.Command => {
  const command = Command.decode(frame, 4, frame.length)
  if (command instanceof Error) throw command
  return command
}

export class Peer {
  readonly #cluster: SimWorld
  readonly #splitter = new FrameSplitter()
  #connection: Connection | undefined
  /** Answers by request number. */
  readonly answers = new Map<number, Command.Command>()
  /** What the broker asked or told, in its order. */
  readonly told: Array<Command.Command> = []
  /** What the client answers when the broker asks it something. */
  reply: (asked: Command.Command) => Command.Command | undefined = () => undefined
  isClosed = false

  constructor(cluster: SimWorld, node: SimNode, broker: Address) {
    this.#cluster = cluster
    node.world.network.connect(
      broker,
      1000,
      (connection) => {
        this.#connection = connection
        return { onClose: () => void (this.isClosed = true), onData: (chunk) => this.#read(chunk), onDrain: () => {} }
      },
      (error) => {
        throw error
      },
    )
    cluster.sim.runUntil(() => this.#connection !== undefined, 1000)
  }

  /** Writes a frame; lets virtual time go by until it is answered, at most `waitMs`. */
  ask(frame: Buffer, waitMs: number): Command.Command | undefined {
    const { opaque } = decodeFrame(frame)
    this.answers.delete(opaque)
    this.#connection!.write(frame)
    this.#cluster.sim.runUntil(() => this.isClosed || this.answers.has(opaque), waitMs)
    return this.answers.get(opaque)
  }

  close(): void {
    this.#connection!.destroy()
    this.isClosed = true
    this.#cluster.sim.runFor(5)
  }

  #read(chunk: Buffer): void {
    const splitter = this.#splitter
    splitter.push(chunk)
    while (splitter.next()) {
      const command = decodeFrame(Buffer.from(splitter.frame.subarray(splitter.start - 4, splitter.end)))
      if (Command.isResponse(command)) this.answers.set(command.opaque, command)
      else {
        this.told.push(command)
        const answer = Command.isOneway(command) ? undefined : this.reply(command)
        if (answer !== undefined) this.#connection!.write(Command.encode(answer))
      }
    }
  }
}
