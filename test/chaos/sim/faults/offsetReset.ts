import * as Admin from "../../../../src/format/Admin.ts"
import { RequestCode } from "../../../../src/format/RequestCode.ts"
import { RemotingClient } from "../../../../src/infra/remoting/RemotingClient.ts"
import { RemotingError } from "../../../../src/infra/remoting/RemotingError.ts"
import type { Cluster } from "../Cluster.ts"
import type { Reset } from "../History.ts"
import { done, type Fault, pick } from "./Fault.ts"

/** An administrator sends a group back to the beginning of a topic, whoever is at work there. */
export const offsetReset: Fault = {
  name: "offsetReset",
  strike: (cluster, random) => {
    const { history, settings } = cluster
    const broker = pick(
      cluster.brokers.filter(({ isUp }) => isUp),
      random,
    )
    // What is consumed in order would be started again: who sends such a group back asks for that.
    const group = pick(
      settings.groups.filter(({ isOrderly }) => !isOrderly),
      random,
    )
    if (broker?.served === undefined || group === undefined) return undefined
    const { topic } = pick(group.subscriptions, random)!
    const address = { host: broker.host, port: broker.served.address.port }
    const ext = Admin.ResetOffset.encode({ group: group.name, isForce: true, timestamp: 0, topic })
    const reset: Reset = { brokerName: broker.name, group: group.name, sentMs: history.nowMs, topic }
    history.resets.push(reset)
    const { queueNums } = settings.topics.find(({ name }) => name === topic)!
    const commits = Array.from({ length: queueNums }, (_, queueId) => {
      const commit = { ...reset, consumer: "administrator", how: "explicit" as const, queueId, queueOffset: 0 }
      history.commits.push(commit)
      return commit as (typeof history.commits)[number]
    })
    clientOf(cluster).ask(address, { code: RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, ext }, 10_000, (outcome) => {
      const answer = {
        atMs: history.nowMs,
        code: outcome instanceof RemotingError ? outcome.reason : outcome.code,
      }
      reset.answer = answer
      for (const commit of commits) commit.answer = answer
      history.note("administrator", `reset of ${group.name} in ${topic} on ${broker.name}: ${answer.code}`)
    })
    return done(`${group.name} in ${topic} on ${broker.name}`)
  },
}

const clientOf = ({ world }: Cluster): RemotingClient =>
  new RemotingClient(
    (world.nodes.find(({ name }) => name === "administrator") ?? world.node("administrator", "10.0.4.2")).world,
  )
