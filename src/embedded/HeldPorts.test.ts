import { setImmediate } from "node:timers/promises"
import { expect, it } from "vitest"
import { nodeClock } from "../infra/clock/NodeClock.ts"
import { suite } from "../infra/network/Network.contract.ts"
import type { Address, Connection, ConnectionEvents, Listener, Network } from "../infra/network/Network.ts"
import { nodeNetwork } from "../infra/network/NodeNetwork.ts"
import { HeldPorts } from "./HeldPorts.ts"

const anyPort: Address = { host: "127.0.0.1", port: 0 }

const wait = async (done: () => boolean): Promise<void> => {
  while (!done()) await setImmediate()
}

suite("HeldPorts, where nothing is held", () => {
  const { network } = new HeldPorts(nodeNetwork, nodeClock)
  return { address: anyPort, client: network, idle: () => setImmediate(), server: network, wait }
})

const hold = (ports: HeldPorts, address: Address): Promise<Address> =>
  new Promise((resolve, reject) => {
    ports.hold(address, (error, held) => (held === undefined ? reject(error) : resolve(held)))
  })

const close = (ports: HeldPorts): Promise<void> => new Promise((resolve) => ports.close(resolve))

/** Answers each byte with the server's name. */
const serve = (network: Network, address: Address, name: string): Promise<Listener> =>
  new Promise((resolve, reject) => {
    network.listen(
      address,
      (connection) => ({
        onClose: () => {},
        onData: (chunk) => void connection.write(Buffer.from(name.repeat(chunk.length))),
        onDrain: () => {},
      }),
      (error, listener) => (listener === undefined ? reject(error) : resolve(listener)),
    )
  })

interface Peer {
  readonly connection: Connection
  text: string
  isClosed: boolean
}

const connect = (address: Address): Promise<Peer> =>
  new Promise((resolve, reject) => {
    nodeNetwork.connect(
      address,
      5000,
      (connection): ConnectionEvents => {
        const peer: Peer = { connection, isClosed: false, text: "" }
        resolve(peer)
        return {
          onClose: () => (peer.isClosed = true),
          onData: (chunk) => (peer.text += chunk.toString()),
          onDrain: () => {},
        }
      },
      reject,
    )
  })

it("a held port is taken, and is the same for one server after the other", async () => {
  const ports = new HeldPorts(nodeNetwork, nodeClock)
  const address = await hold(ports, anyPort)
  await expect(serve(nodeNetwork, address, "thief")).rejects.toMatchObject({ reason: "AddressInUse" })
  await expect(hold(ports, address)).rejects.toMatchObject({ reason: "AddressInUse" })
  const first = await serve(ports.network, address, "a")
  expect(first.address).toEqual(address)
  await new Promise<void>((resolve) => first.close(resolve))
  const second = await serve(ports.network, address, "b")
  const peer = await connect(address)
  peer.connection.write(Buffer.from("."))
  await wait(() => peer.text === "b")
  peer.connection.end()
  await new Promise<void>((resolve) => second.close(resolve))
  await close(ports)
  await expect(connect(address)).rejects.toMatchObject({ reason: "Refused" })
})

it("a connection that comes between two servers waits for the next, with all its bytes", async () => {
  const ports = new HeldPorts(nodeNetwork, nodeClock)
  const address = await hold(ports, anyPort)
  const peer = await connect(address)
  peer.connection.write(Buffer.from("..."))
  for (let turn = 0; turn < 20; turn++) await setImmediate()
  await serve(ports.network, address, "x")
  peer.connection.write(Buffer.from("."))
  await wait(() => peer.text === "xxxx")
  peer.connection.end()
  await wait(() => peer.isClosed)
  await close(ports)
})

it("a connection that nobody took ends with the ports", async () => {
  const ports = new HeldPorts(nodeNetwork, nodeClock)
  const peer = await connect(await hold(ports, anyPort))
  await close(ports)
  await wait(() => peer.isClosed)
})
