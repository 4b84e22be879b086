/** Where topics live, as one client knows it: asked of the name servers again and again, kept while they are silent. */
import { Malformed } from "../../../../src/format/Malformed.ts"
import * as NameServer from "../../../../src/format/NameServer.ts"
import { RequestCode } from "../../../../src/format/RequestCode.ts"
import { RouteData } from "../../../../src/format/RouteData.ts"
import type { MessageQueue } from "../../../../src/domain/MessageQueue.ts"
import { isReadable, isWritable } from "../../../../src/domain/Topic.ts"
import type { Address } from "../../../../src/infra/network/Network.ts"
import * as PeerAddress from "../../../../src/infra/remoting/PeerAddress.ts"
import type { RemotingClient } from "../../../../src/infra/remoting/RemotingClient.ts"
import { RemotingError } from "../../../../src/infra/remoting/RemotingError.ts"
import type { World } from "../../../../src/infra/world/World.ts"

const refreshMs = 3000
const timeoutMs = 3000

export class Routes {
  readonly #world: World
  readonly #client: RemotingClient
  readonly #nameServers: ReadonlyArray<Address>
  readonly #topics = new Set<string>()
  readonly #routes = new Map<string, RouteData>()
  #next: number
  /** Told when a route was read for the first time, or anew. */
  onChange: () => void = () => {}

  constructor(world: World, client: RemotingClient, nameServers: ReadonlyArray<Address>) {
    this.#world = world
    this.#client = client
    this.#nameServers = nameServers
    this.#next = world.random.below(nameServers.length)
    this.#refresh()
  }

  /** Keeps the route of a topic fresh from now on. */
  follow(topic: string): void {
    if (this.#topics.has(topic)) return
    this.#topics.add(topic)
    this.#ask(topic)
  }

  readQueues(topic: string): ReadonlyArray<MessageQueue> {
    return this.#queues(topic, (queue) => (isReadable(queue.perm) ? queue.readQueueNums : 0))
  }

  writeQueues(topic: string): ReadonlyArray<MessageQueue> {
    return this.#queues(topic, (queue) => (isWritable(queue.perm) ? queue.writeQueueNums : 0))
  }

  /** The brokers of all topics that are followed, by name. */
  get brokers(): ReadonlyMap<string, Address> {
    const brokers = new Map<string, Address>()
    for (const route of this.#routes.values()) {
      for (const { brokerAddrs, brokerName } of route.brokerDatas) {
        const [address] = brokerAddrs.has(0) ? [brokerAddrs.get(0)!] : [...brokerAddrs.values()]
        const parsed = address === undefined ? undefined : PeerAddress.parse(address)
        if (parsed !== undefined) brokers.set(brokerName, parsed)
      }
    }
    return brokers
  }

  #queues(topic: string, count: (queue: RouteData["queueDatas"][number]) => number): ReadonlyArray<MessageQueue> {
    const queues: Array<MessageQueue> = []
    for (const queue of this.#routes.get(topic)?.queueDatas ?? [])
      for (let queueId = 0; queueId < count(queue); queueId++)
        queues.push({ brokerName: queue.brokerName, queueId, topic })
    return queues
  }

  #refresh(): void {
    for (const topic of this.#topics) this.#ask(topic)
    this.#world.clock.after(refreshMs, () => this.#refresh())
  }

  #ask(topic: string): void {
    const address = this.#nameServers[this.#next % this.#nameServers.length]!
    const ext = NameServer.GetRouteInfo.encode({ acceptStandardJsonOnly: true, topic })
    this.#client.ask(address, { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, ext }, timeoutMs, (answer) => {
      if (answer instanceof RemotingError) {
        this.#next++
        return
      }
      // A name server that does not know the topic may have been restarted just now: what is known stays.
      if (answer.code !== 0) return
      const route = RouteData.decode(answer.body)
      if (route instanceof Malformed) throw route
      this.#routes.set(topic, route)
      this.onChange()
    })
  }
}
