/** What every adapter of the Network port keeps (the guarantees named in Network.ts, and the errors). */
import { expect, it } from "vitest"
import type { Address, Connection, ConnectionEvents, Listener, Network, NetworkError } from "./Network.ts"

export interface NetworkBench {
  /** The network as the listening host sees it, and an address of that host with port 0. */
  readonly server: Network
  readonly address: Address
  /** The network as the connecting host sees it; may be the same. */
  readonly client: Network
  /** Lets the adapter work until `done` holds; fails when it never does. */
  readonly wait: (done: () => boolean) => Promise<void>
  /** Lets the adapter do what it has at hand, however little. */
  readonly idle: () => Promise<void>
}

export const suite = (name: string, open: () => NetworkBench): void => {
  const law = (title: string, body: (bench: NetworkBench) => Promise<void>): void =>
    it(`${name}: ${title}`, () => body(open()))

  law("order: every byte arrives once and in order, both ways", async (bench) => {
    const pair = await connected(bench)
    const sent: Array<Buffer> = []
    for (let size = 1; size < 40_000; size = Math.ceil(size * 1.7)) {
      const chunk = pattern(size, sent.length)
      sent.push(chunk)
      pair.client.connection.write(chunk)
      pair.server.connection.write(chunk)
    }
    const all = Buffer.concat(sent)
    await bench.wait(() => pair.server.sizeBytes >= all.length && pair.client.sizeBytes >= all.length)
    expect(pair.server.bytes().equals(all)).toBe(true)
    expect(pair.client.bytes().equals(all)).toBe(true)
    await closed(bench, pair)
  })

  law("addresses: each end knows both, and port 0 became a real port", async (bench) => {
    const pair = await connected(bench)
    expect(pair.listener.address.port).toBeGreaterThan(0)
    expect(pair.listener.address.host).toBe(bench.address.host)
    expect(pair.client.connection.remote).toEqual(pair.listener.address)
    expect(pair.server.connection.local).toEqual(pair.listener.address)
    expect(pair.server.connection.remote).toEqual(pair.client.connection.local)
    await closed(bench, pair)
  })

  law("end: what was written before it arrives, then both ends close without an error", async (bench) => {
    const pair = await connected(bench)
    const bytes = pattern(300_000, 1)
    pair.client.connection.write(bytes)
    pair.client.connection.end()
    await bench.wait(() => pair.client.closes.length > 0 && pair.server.closes.length > 0)
    expect(pair.server.bytes().equals(bytes)).toBe(true)
    expect(pair.client.closes).toEqual([undefined])
    expect(pair.server.closes).toEqual([undefined])
    await freed(bench, pair.listener)
  })

  law("end: the peer's answer to the last bytes still arrives", async (bench) => {
    const pair = await connected(bench, (end) => ({
      ...end.events,
      onData: (chunk) => {
        end.events.onData(chunk)
        if (end.sizeBytes === 1000) end.connection.write(pattern(200_000, 2))
      },
    }))
    pair.client.connection.write(pattern(1000, 1))
    pair.client.connection.end()
    await bench.wait(() => pair.client.closes.length > 0 && pair.server.closes.length > 0)
    expect(pair.client.bytes().equals(pattern(200_000, 2))).toBe(true)
    await freed(bench, pair.listener)
  })

  law("end: a write after it is refused", async (bench) => {
    const pair = await connected(bench)
    pair.client.connection.end()
    expect(pair.client.connection.write(pattern(10, 1))).toBe(false)
    await bench.wait(() => pair.client.closes.length > 0 && pair.server.closes.length > 0)
    expect(pair.server.sizeBytes).toBe(0)
    expect(pair.client.connection.write(pattern(10, 1))).toBe(false)
    await freed(bench, pair.listener)
  })

  law("once: destroy closes both ends, each exactly once and not within the call", async (bench) => {
    const pair = await connected(bench)
    pair.server.connection.destroy()
    expect(pair.server.closes).toEqual([])
    pair.server.connection.destroy()
    await bench.wait(() => pair.client.closes.length > 0 && pair.server.closes.length > 0)
    for (let turn = 0; turn < 20; turn++) await bench.idle()
    expect(pair.server.closes).toEqual([undefined])
    expect(pair.client.closes).toHaveLength(1)
    await freed(bench, pair.listener)
  })

  law("once: nothing is called after onClose", async (bench) => {
    const pair = await connected(bench)
    for (let count = 0; count < 50; count++) pair.client.connection.write(pattern(5000, count))
    await bench.wait(() => pair.server.sizeBytes > 0)
    pair.server.connection.destroy()
    await bench.wait(() => pair.client.closes.length > 0 && pair.server.closes.length > 0)
    for (let turn = 0; turn < 20; turn++) await bench.idle()
    expect(pair.server.late).toBe(0)
    expect(pair.client.late).toBe(0)
    await freed(bench, pair.listener)
  })

  law("pause: at most one more chunk comes, and resume brings the rest", async (bench) => {
    const pair = await connected(bench)
    pair.client.connection.write(pattern(10, 1))
    await bench.wait(() => pair.server.sizeBytes === 10)
    pair.server.connection.pause()
    const chunks = pair.server.chunks.length
    for (let count = 0; count < 30; count++) {
      pair.client.connection.write(pattern(100, count))
      await bench.idle()
    }
    expect(pair.server.chunks.length).toBeLessThanOrEqual(chunks + 1)
    pair.server.connection.resume()
    await bench.wait(() => pair.server.sizeBytes === 3010)
    await closed(bench, pair)
  })

  law("pause: called while a chunk is handed over", async (bench) => {
    const pair = await connected(bench, (end) => ({
      ...end.events,
      onData: (chunk) => {
        end.connection.pause()
        end.events.onData(chunk)
      },
    }))
    for (let count = 0; count < 30; count++) pair.client.connection.write(pattern(20_000, count))
    let before = 0
    while (pair.server.sizeBytes < 600_000) {
      await bench.wait(() => pair.server.chunks.length > before)
      for (let turn = 0; turn < 5; turn++) await bench.idle()
      expect(pair.server.chunks.length).toBeLessThanOrEqual(before + 2)
      before = pair.server.chunks.length
      pair.server.connection.resume()
    }
    await closed(bench, pair)
  })

  law("pause: the peer's end waits behind its unread bytes", async (bench) => {
    const pair = await connected(bench)
    pair.server.connection.pause()
    for (let count = 0; count < 3; count++) {
      pair.client.connection.write(pattern(100_000, count))
      await bench.idle()
    }
    pair.client.connection.end()
    for (let turn = 0; turn < 100; turn++) await bench.idle()
    expect(pair.server.closes).toEqual([])
    pair.server.connection.resume()
    await bench.wait(() => pair.client.closes.length > 0 && pair.server.closes.length > 0)
    expect(pair.server.closes).toEqual([undefined])
    expect(pair.server.sizeBytes).toBe(300_000)
    await freed(bench, pair.listener)
  })

  law("pressure: write answers false to a slow peer, and onDrain follows", async (bench) => {
    const pair = await connected(bench)
    pair.server.connection.pause()
    let written = 0
    while (pair.client.connection.write(pattern(50_000, 3))) {
      written++
      await bench.idle()
    }
    // The system's own buffers take some; they fill up, and then bytes stay here.
    for (; pair.client.connection.pendingBytes() === 0 || written < 400; written++) {
      pair.client.connection.write(pattern(50_000, 3))
      if (written % 50 === 0) await bench.idle()
    }
    const drains = pair.client.drains
    pair.server.connection.resume()
    await bench.wait(() => pair.client.drains > drains)
    expect(pair.client.connection.pendingBytes()).toBe(0)
    await bench.wait(() => pair.server.sizeBytes === (written + 1) * 50_000)
    await closed(bench, pair)
  })

  law("connect: refused where nobody listens, and an impossible port fails", async (bench) => {
    const listener = await listening(bench, () => sink())
    await freed(bench, listener)
    expect((await failure(bench, listener.address)).reason).toBe("Refused")
    expect((await failure(bench, { ...listener.address, port: 70_000 })).address.port).toBe(70_000)
  })

  law("listen: an address in use is refused, and is free again after close", async (bench) => {
    const listener = await listening(bench, () => sink())
    let error: NetworkError | undefined
    bench.server.listen(listener.address, sink, (failed) => (error = failed))
    await bench.wait(() => error !== undefined)
    expect(error?.reason).toBe("AddressInUse")
    await freed(bench, listener)
    const again = await listening({ ...bench, address: listener.address }, () => sink())
    expect(again.address).toEqual(listener.address)
    await freed(bench, again)
  })

  law("listen: close keeps the open connections", async (bench) => {
    const pair = await connected(bench)
    await freed(bench, pair.listener)
    pair.client.connection.write(pattern(100, 1))
    await bench.wait(() => pair.server.sizeBytes === 100)
    expect((await failure(bench, pair.listener.address)).reason).toBe("Refused")
    await closed(bench, pair)
  })
}

/** One end as a test sees it. */
class End {
  readonly connection: Connection
  readonly chunks: Array<Buffer> = []
  readonly closes: Array<NetworkError | undefined> = []
  sizeBytes = 0
  drains = 0
  /** Calls that came after onClose. */
  late = 0
  readonly events: ConnectionEvents = {
    onClose: (error) => {
      this.closes.push(error)
    },
    onData: (chunk) => {
      this.#count()
      this.chunks.push(chunk)
      this.sizeBytes += chunk.length
    },
    onDrain: () => {
      this.#count()
      this.drains++
    },
  }

  constructor(connection: Connection) {
    this.connection = connection
  }

  bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }

  #count(): void {
    if (this.closes.length > 0) this.late++
  }
}

interface Pair {
  readonly client: End
  readonly server: End
  readonly listener: Listener
}

const connected = async (
  bench: NetworkBench,
  serverEvents: (end: End) => ConnectionEvents = (end) => end.events,
): Promise<Pair> => {
  let server: End | undefined
  let client: End | undefined
  const listener = await listening(bench, (connection) => {
    server = new End(connection)
    return serverEvents(server)
  })
  bench.client.connect(
    listener.address,
    10_000,
    (connection) => {
      client = new End(connection)
      return client.events
    },
    (error) => {
      throw error
    },
  )
  expect(client).toBeUndefined()
  await bench.wait(() => client !== undefined && server !== undefined)
  return { client: client!, listener, server: server! }
}

const listening = async (
  bench: NetworkBench,
  accept: (connection: Connection) => ConnectionEvents,
): Promise<Listener> => {
  let listener: Listener | undefined
  bench.server.listen(bench.address, accept, (error, bound) => {
    expect(error).toBeUndefined()
    listener = bound
  })
  expect(listener).toBeUndefined()
  await bench.wait(() => listener !== undefined)
  return listener!
}

const freed = async (bench: NetworkBench, listener: Listener): Promise<void> => {
  let free = false
  listener.close(() => (free = true))
  await bench.wait(() => free)
}

const closed = async (bench: NetworkBench, pair: Pair): Promise<void> => {
  pair.client.connection.end()
  await bench.wait(() => pair.client.closes.length > 0 && pair.server.closes.length > 0)
  await freed(bench, pair.listener)
}

const failure = async (bench: NetworkBench, address: Address): Promise<NetworkError> => {
  let error: NetworkError | undefined
  bench.client.connect(address, 10_000, neverOpened, (failed) => (error = failed))
  expect(error).toBeUndefined()
  await bench.wait(() => error !== undefined)
  return error!
}

const neverOpened = (): never => {
  throw new Error("a connection opened that should have failed")
}

const sink = (): ConnectionEvents => ({ onClose: () => {}, onData: () => {}, onDrain: () => {} })

/** Bytes that differ from place to place, so that a loss, a repetition or a swap shows. */
const pattern = (sizeBytes: number, seed: number): Buffer => {
  const made = Buffer.alloc(sizeBytes)
  for (let at = 0; at < sizeBytes; at++) made[at] = (at * 31 + (at >> 8) * 7 + seed * 13) & 0xff
  return made
}
