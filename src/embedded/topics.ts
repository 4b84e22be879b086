/** Topics of a cluster: made on its broker, and known to its name server when the effect ends. */
import * as Effect from "effect/Effect"
import * as Admin from "../format/Admin.ts"
import { Malformed } from "../format/Malformed.ts"
import * as NameServer from "../format/NameServer.ts"
import { RequestCode } from "../format/RequestCode.ts"
import { ResponseCode, responseCodeName } from "../format/ResponseCode.ts"
import { RouteData } from "../format/RouteData.ts"
import type { Address } from "../infra/network/Network.ts"
import { RemotingClient } from "../infra/remoting/RemotingClient.ts"
import { ask } from "../infra/remoting/RemotingEffect.ts"
import type { RemotingError } from "../infra/remoting/RemotingError.ts"
import type { World } from "../infra/world/World.ts"

export interface TopicOptions {
  /** How many queues to write to and to read from; default 8, as RocketMQ's. */
  readonly queues?: number
  /** Attributes, such as `{ "message.type": "FIFO" }`. */
  readonly attributes?: Readonly<Record<string, string>>
}

/** The broker does not make the topic: the sentence is its own. */
export class TopicRefused extends Error {
  override readonly name = "TopicRefused"
  readonly _tag = "TopicRefused"
}

const timeoutMs = 5000
/** A broker tells its name servers of a new topic after it has answered: asked again this soon. */
const pauseMs = 2

/** Makes the topic, or changes it when it is there. */
export const createTopic = (
  world: World,
  servers: { readonly namesrv: Address; readonly broker: Address },
  topic: string,
  { attributes = {}, queues = 8 }: TopicOptions = {},
): Effect.Effect<void, TopicRefused | RemotingError> => {
  const changes = Object.entries(attributes).map(([name, value]) => `+${name}=${value}`)
  const ext = Admin.CreateTopic.encode({
    ...(changes.length === 0 ? {} : { attributes: changes.join(",") }),
    defaultTopic: "",
    order: false,
    perm: 6,
    readQueueNums: queues,
    topic,
    topicFilterType: "SINGLE_TAG",
    writeQueueNums: queues,
  })
  const route = NameServer.GetRouteInfo.encode({ acceptStandardJsonOnly: true, topic })
  const isKnown = (client: RemotingClient): Effect.Effect<boolean, RemotingError> =>
    Effect.map(
      ask(client, servers.namesrv, { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, ext: route }, timeoutMs),
      (answer) => {
        const data = answer.code === ResponseCode.SUCCESS ? RouteData.decode(answer.body) : undefined
        return data !== undefined && !(data instanceof Malformed) && data.queueDatas[0]?.writeQueueNums === queues
      },
    )
  return Effect.gen(function* () {
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => new RemotingClient(world)),
      (opened) => Effect.sync(() => opened.close()),
    )
    const request = { code: RequestCode.UPDATE_AND_CREATE_TOPIC, ext }
    const answer = yield* ask(client, servers.broker, request, timeoutMs)
    if (answer.code !== ResponseCode.SUCCESS) {
      const why = answer.remark ?? responseCodeName(answer.code)
      return yield* Effect.fail(new TopicRefused(`The topic "${topic}" was not made: ${why}`))
    }
    while (!(yield* isKnown(client))) yield* Effect.sleep(pauseMs)
  }).pipe(Effect.scoped, Effect.provideContext(world.context))
}
