import * as Command from "../../../../src/format/Command.ts"
import { RequestCode } from "../../../../src/format/RequestCode.ts"
import type { SeededRandom } from "../../../../src/infra/random/SeededRandom.ts"
import type { Connection } from "../../../../src/infra/network/Network.ts"
import type { Cluster } from "../Cluster.ts"
import { type Fault, pick } from "./Fault.ts"

/** A stranger connects to a server and sends what is no request, or only nearly one, and perhaps stays. */
export const garbage: Fault = {
  name: "garbage",
  strike: (cluster, random) => {
    const server = pick(cluster.servers, random)
    if (server?.served === undefined) return undefined
    const bytes = pick(kinds, random)!(random)
    const address = { host: server.host, port: server.served.address.port }
    const { world } = strangerOf(cluster)
    let connection: Connection | undefined
    world.network.connect(
      address,
      3000,
      (opened) => {
        connection = opened
        opened.write(bytes)
        return { onClose: () => {}, onData: () => {}, onDrain: () => {} }
      },
      () => {},
    )
    return {
      end: () => connection?.destroy(),
      forMs: random.between(1, 20_000),
      what: `${server.name}, ${bytes.length} bytes`,
    }
  },
}

const strangerOf = ({ world }: Cluster) =>
  world.nodes.find(({ name }) => name === "stranger") ?? world.node("stranger", "10.0.4.1")

const noise = (random: SeededRandom, sizeBytes: number): Buffer =>
  Buffer.from(Array.from({ length: sizeBytes }, () => random.below(256)))

const lengthed = (length: number, rest: Buffer): Buffer => {
  const head = Buffer.alloc(4)
  head.writeInt32BE(length)
  return Buffer.concat([head, rest])
}

/** A send to a topic that nobody reads. */
const request = (random: SeededRandom): Buffer =>
  Command.encode({
    body: noise(random, random.below(200)),
    code: RequestCode.SEND_MESSAGE,
    ext: {
      bornTimestamp: "1",
      defaultTopic: "TBW102",
      defaultTopicQueueNums: "1",
      flag: "0",
      producerGroup: "strangers",
      queueId: String(random.below(4) - 1),
      sysFlag: String(random.below(64)),
      topic: "noise",
    },
    flag: 0,
    language: "OTHER",
    opaque: random.below(1000),
    remark: undefined,
    serialize: 0,
    version: 0,
  })

const kinds: ReadonlyArray<(random: SeededRandom) => Buffer> = [
  (random) => noise(random, 1 + random.below(300)),
  // Lengths that are negative, or promise gigabytes.
  (random) => lengthed(-1 - random.below(2 ** 31 - 1), noise(random, 20)),
  (random) => lengthed(random.below(2 ** 31), noise(random, 20)),
  (random) => {
    const bytes = noise(random, 8 + random.below(100))
    return lengthed(bytes.length, bytes)
  },
  // A request with a few bytes changed, or only the beginning of it.
  (random) => {
    const bytes = request(random)
    for (let n = random.below(4); n >= 0; n--) bytes[4 + random.below(bytes.length - 4)] = random.below(256)
    return bytes
  },
  (random) => {
    const bytes = request(random)
    return bytes.subarray(0, 1 + random.below(bytes.length - 1))
  },
]
