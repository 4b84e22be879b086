/** Reads every queue of the kill loop's topic from its start to its end, once, and the committed offset. */
import * as Properties from "../../../src/domain/Properties.ts"
import { PropertyName } from "../../../src/domain/Properties.ts"
import { buildPullFlag } from "../../../src/domain/SysFlag.ts"
import type { Command } from "../../../src/format/Command.ts"
import type * as Ext from "../../../src/format/Ext.ts"
import * as Host from "../../../src/format/Host.ts"
import { Malformed } from "../../../src/format/Malformed.ts"
import * as Pull from "../../../src/format/PullMessage.ts"
import { RequestCode } from "../../../src/format/RequestCode.ts"
import { ResponseCode } from "../../../src/format/ResponseCode.ts"
import * as StoredMessage from "../../../src/format/StoredMessage.ts"
import type { Address } from "../../../src/infra/network/Network.ts"
import { RemotingClient } from "../../../src/infra/remoting/RemotingClient.ts"
import { RemotingError } from "../../../src/infra/remoting/RemotingError.ts"
import type { World } from "../../../src/infra/world/World.ts"
import { group, queueNums, topic } from "./Client.ts"

export interface Stored {
  readonly sequence: number
  readonly queueOffset: number
  readonly commitLogOffset: number
  /** The client's port: one per connection. */
  readonly bornPort: number
}

export interface ReadBack {
  /** By queue id. */
  readonly queues: ReadonlyArray<ReadonlyArray<Stored>>
  readonly committed: number
}

export const readBack = async (world: World, broker: Address): Promise<ReadBack> => {
  const client = new RemotingClient(world)
  const ask = (code: number, ext: Ext.Ext): Promise<Command> =>
    new Promise((resolve, reject) =>
      client.ask(broker, { code, ext }, 10_000, (outcome) =>
        outcome instanceof RemotingError ? reject(outcome) : resolve(outcome),
      ),
    )
  try {
    const queues: Array<ReadonlyArray<Stored>> = []
    for (let queueId = 0; queueId < queueNums; queueId++) queues.push(await readQueue(ask, queueId))
    const query = Pull.QueryConsumerOffset.encode({ consumerGroup: group, queueId: 0, topic })
    const answer = await ask(RequestCode.QUERY_CONSUMER_OFFSET, query)
    const header = Pull.OffsetAnswer.decode(answer.ext)
    return { committed: header instanceof Malformed ? 0 : header.offset, queues }
  } finally {
    client.close()
  }
}

const readQueue = async (
  ask: (code: number, ext: Ext.Ext) => Promise<Command>,
  queueId: number,
): Promise<ReadonlyArray<Stored>> => {
  const stored: Array<Stored> = []
  for (let queueOffset = 0; ;) {
    const ext = Pull.PullMessage.encode({
      commitOffset: 0,
      consumerGroup: group,
      maxMsgNums: 32,
      queueId,
      queueOffset,
      subVersion: 0,
      subscription: "*",
      suspendTimeoutMillis: 0,
      sysFlag: buildPullFlag({ classFilter: false, commitOffset: false, subscription: true, suspend: false }),
      topic,
    })
    const answer = await ask(RequestCode.PULL_MESSAGE, ext)
    if (answer.code === ResponseCode.PULL_NOT_FOUND) return stored
    if (answer.code !== ResponseCode.SUCCESS)
      throw new Error(`queue ${queueId} at ${queueOffset}: ${answer.code} ${answer.remark ?? ""}`)
    const header = Pull.PullMessageAnswer.decode(answer.ext)
    if (header instanceof Malformed) throw header
    for (let at = 0; at < answer.body.length;) {
      const message = StoredMessage.decode(answer.body, at)
      if (message instanceof Malformed) throw message
      at += message.sizeBytes
      stored.push({
        bornPort: Host.port(message.bornHost),
        commitLogOffset: message.physicalOffset,
        queueOffset: message.queueOffset,
        sequence: Number(Properties.find(message.properties, PropertyName.KEYS)),
      })
    }
    queueOffset = header.nextBeginOffset
  }
}
