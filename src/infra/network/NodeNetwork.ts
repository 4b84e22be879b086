/** TCP of this machine, by `node:net`. */
import * as net from "node:net"
import {
  type Address,
  type Connection,
  type ConnectionEvents,
  type Listener,
  type Network,
  NetworkError,
  type NetworkReason,
} from "./Network.ts"

export const nodeNetwork: Network = {
  connect: (address, timeoutMs, opened, failed) => {
    let socket: net.Socket
    try {
      socket = net.connect({ host: address.host, noDelay: true, port: address.port })
    } catch (error) {
      // A port beyond 65535, which Node refuses by throwing: addresses come from other machines' answers.
      setImmediate(() => failed(toNetworkError(error, address)))
      return
    }
    const fail = (error: NetworkError): void => {
      clearTimeout(timer)
      socket.off("connect", succeed)
      socket.off("error", refuse)
      socket.on("error", ignore)
      socket.destroy()
      failed(error)
    }
    const refuse = (error: Error): void => fail(toNetworkError(error, address))
    const succeed = (): void => {
      clearTimeout(timer)
      socket.off("error", refuse)
      attach(socket, address, opened)
    }
    const timer = setTimeout(() => fail(new NetworkError("TimedOut", address, `${timeoutMs} ms`)), timeoutMs)
    socket.once("connect", succeed)
    socket.once("error", refuse)
  },

  listen: (address, accept, done) => {
    const server = net.createServer({ noDelay: true }, (socket) => attach(socket, address, accept))
    const refuse = (error: Error): void => done(toNetworkError(error, address), undefined)
    server.once("error", refuse)
    server.listen({ host: address.host, port: address.port }, () => {
      server.off("error", refuse)
      // After this, errors concern single connections that could not be accepted: too many open files, mostly. The
      // peer sees its connection end and tries again; the listener goes on.
      server.on("error", ignore)
      done(undefined, new NodeListener(server, address))
    })
  },
}

class NodeListener implements Listener {
  readonly address: Address
  readonly #server: net.Server

  constructor(server: net.Server, asked: Address) {
    this.#server = server
    const bound = server.address() as net.AddressInfo
    this.address = { host: asked.host, port: bound.port }
  }

  close(done: () => void): void {
    // The port is free as soon as the server's handle is closed; its own callback waits for every connection to end.
    this.#server.close()
    setImmediate(done)
  }
}

const attach = (socket: net.Socket, fallback: Address, open: (connection: Connection) => ConnectionEvents): void => {
  const connection = new NodeConnection(socket, fallback)
  let failure: NetworkError | undefined
  socket.on("error", (error) => {
    failure = toNetworkError(error, connection.remote)
  })
  const events = open(connection)
  socket.on("data", events.onData)
  socket.on("drain", events.onDrain)
  socket.once("close", () => {
    socket.off("data", events.onData)
    socket.off("drain", events.onDrain)
    events.onClose(failure)
  })
}

class NodeConnection implements Connection {
  readonly local: Address
  readonly remote: Address
  readonly #socket: net.Socket

  constructor(socket: net.Socket, fallback: Address) {
    this.#socket = socket
    this.local = { host: plainHost(socket.localAddress) ?? fallback.host, port: socket.localPort ?? fallback.port }
    this.remote = { host: plainHost(socket.remoteAddress) ?? fallback.host, port: socket.remotePort ?? fallback.port }
  }

  write(bytes: Buffer): boolean {
    // After `end` Node would raise an error of its own; the owner is told by `onClose` soon enough.
    return this.#socket.writable && this.#socket.write(bytes)
  }

  pendingBytes(): number {
    return this.#socket.writableLength
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

const ignore = (): void => {}

/** An IPv4 peer of an IPv6 listener shows up as "::ffff:10.0.0.1": one host, one spelling. */
const plainHost = (host: string | undefined): string | undefined =>
  host?.startsWith("::ffff:") === true && host.includes(".") ? host.slice("::ffff:".length) : host

const reasons: Readonly<Record<string, NetworkReason>> = {
  EACCES: "Denied",
  EADDRINUSE: "AddressInUse",
  EADDRNOTAVAIL: "NotFound",
  EAI_AGAIN: "NotFound",
  ECONNABORTED: "Reset",
  ECONNREFUSED: "Refused",
  ECONNRESET: "Reset",
  EHOSTDOWN: "Unreachable",
  EHOSTUNREACH: "Unreachable",
  ENETDOWN: "Unreachable",
  ENETUNREACH: "Unreachable",
  ENOTFOUND: "NotFound",
  EPERM: "Denied",
  EPIPE: "Reset",
  ETIMEDOUT: "TimedOut",
}

const toNetworkError = (error: unknown, address: Address): NetworkError => {
  const code = (error as NodeJS.ErrnoException).code
  return new NetworkError(reasons[code ?? ""] ?? "Io", address, code ?? String(error))
}
