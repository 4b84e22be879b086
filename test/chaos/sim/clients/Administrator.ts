/** Makes topics on brokers, again and again until each has them. */
import * as Admin from "../../../../src/format/Admin.ts"
import { RequestCode } from "../../../../src/format/RequestCode.ts"
import { ResponseCode } from "../../../../src/format/ResponseCode.ts"
import type { Address } from "../../../../src/infra/network/Network.ts"
import { RemotingClient } from "../../../../src/infra/remoting/RemotingClient.ts"
import { RemotingError } from "../../../../src/infra/remoting/RemotingError.ts"
import type { World } from "../../../../src/infra/world/World.ts"
import type { TopicPlan } from "../Settings.ts"

export const makeTopics = (
  world: World,
  brokers: ReadonlyArray<Address>,
  topics: ReadonlyArray<TopicPlan>,
  done: () => void,
): void => {
  const client = new RemotingClient(world)
  let left = brokers.length * topics.length
  const make = (address: Address, { name, queueNums }: TopicPlan): void => {
    const ext = Admin.CreateTopic.encode({
      defaultTopic: "",
      order: false,
      perm: 6,
      readQueueNums: queueNums,
      topic: name,
      topicFilterType: "SINGLE_TAG",
      writeQueueNums: queueNums,
    })
    client.ask(address, { code: RequestCode.UPDATE_AND_CREATE_TOPIC, ext }, 3000, (outcome) => {
      if (outcome instanceof RemotingError || outcome.code !== ResponseCode.SUCCESS)
        return void world.clock.after(500, () => make(address, { isPrepared: true, name, queueNums }))
      if (--left === 0) done()
    })
  }
  for (const address of brokers) for (const topic of topics) make(address, topic)
}
