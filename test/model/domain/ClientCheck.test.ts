import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as ClientCheck from "../../../src/domain/ClientCheck.ts"
import * as SubscriptionGroup from "../../../src/domain/SubscriptionGroup.ts"
import * as Topic from "../../../src/domain/Topic.ts"
import { text, validName } from "./arbitrary.ts"

const anyName = fc.oneof(text, validName, validName.map(Topic.retryTopic), fc.constantFrom("SCHEDULE_TOPIC_XXXX"))

describe("ClientCheck", () => {
  it("stricter: what passes here passes the broker's check", () => {
    fc.assert(
      fc.property(anyName, fc.option(fc.nat(20), { nil: undefined }), (name, bodySizeBytes) => {
        if (ClientCheck.topic(name) === undefined) expect(Topic.validateName(name)).toBeUndefined()
        if (ClientCheck.group(name) === undefined) expect(SubscriptionGroup.validateName(name)).toBeUndefined()
        if (ClientCheck.message({ topic: name, bodySizeBytes }, 10) === undefined) {
          expect(Topic.isNotSendable(name)).toBe(false)
          expect(bodySizeBytes).toBeGreaterThan(0)
          expect(bodySizeBytes).toBeLessThanOrEqual(10)
        }
      }),
    )
  })
})
