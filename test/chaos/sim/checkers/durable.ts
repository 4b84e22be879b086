import { isBodyOf } from "../clients/payload.ts"
import { mayBeLost } from "./loss.ts"
import type { Checker } from "./Checker.ts"

/**
 * P1: what was answered SEND_OK is in the log, where the answer said, byte for byte. By ASYNC_FLUSH a power cut may take
 * what was answered within the last flush interval, and nothing that was synced.
 */
export const durable: Checker = {
  *check(evidence) {
    const { brokers, history } = evidence
    const views = new Map(brokers.map((view) => [view.brokerName, view]))
    for (const attempt of history.attempts) {
      const { answer, brokerName, isUnsafe, key, sequence, topic } = attempt
      if (answer?.code !== 0 || isUnsafe || mayBeLost(evidence, attempt)) continue
      const record = views.get(brokerName)?.recordAt.get(answer.commitLogOffset)
      const place = `${key} (attempt ${sequence}) to ${topic} on ${brokerName} at ${answer.commitLogOffset}`
      if (record === undefined) yield `${place} was acknowledged and is lost`
      else if (record.identity?.key !== key || record.identity.sequence !== sequence)
        yield `${place} was acknowledged, and ${record.identity?.key ?? "a record of the broker"} stands there`
      else if (!isBodyOf(record.identity, record.message.body))
        yield `${place} was acknowledged and is not what was sent`
    }
  },
  isOfLog: true,
  name: "durable",
  promise: "P1",
}
