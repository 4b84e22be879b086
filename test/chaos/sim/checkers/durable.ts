import { isBodyOf } from "../clients/payload.ts"
import type { Checker } from "./Checker.ts"

/** P1: what was answered SEND_OK is in the log, where the answer said, byte for byte. */
export const durable: Checker = {
  *check({ brokers, history }) {
    const views = new Map(brokers.map((view) => [view.brokerName, view]))
    for (const { answer, brokerName, isUnsafe, key, sequence, topic } of history.attempts) {
      if (answer?.code !== 0 || isUnsafe) continue
      const record = views.get(brokerName)?.recordAt.get(answer.commitLogOffset)
      const place = `${key} (attempt ${sequence}) to ${topic} on ${brokerName} at ${answer.commitLogOffset}`
      if (record === undefined) yield `${place} was acknowledged and is lost`
      else if (record.identity?.key !== key || record.identity.sequence !== sequence)
        yield `${place} was acknowledged, and ${record.identity?.key ?? "a record of the broker"} stands there`
      else if (!isBodyOf(record.identity, record.message.body))
        yield `${place} was acknowledged and is not what was sent`
    }
  },
  name: "durable",
  promise: "P1",
}
