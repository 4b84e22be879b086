import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as SubscriptionGroup from "../../../src/domain/SubscriptionGroup.ts"
import { text, validName } from "./arbitrary.ts"

const anyName = fc.oneof(
  text,
  validName,
  validName.map((name) => SubscriptionGroup.systemGroupPrefix + name),
)

describe("SubscriptionGroup", () => {
  it("safe: a name is valid exactly when it is 1 to 120 letters, digits and % | _ -", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyName,
          fc.integer({ min: 110, max: 130 }).map((length) => "g".repeat(length)),
        ),
        (name) => {
          expect(SubscriptionGroup.validateName(name) === undefined).toBe(/^[%|a-zA-Z0-9_-]{1,120}$/.test(name))
        },
      ),
    )
  })

  it("created: auto-creation answers the defaults of a valid name, or nothing", () => {
    fc.assert(
      fc.property(anyName, fc.boolean(), (name, enabled) => {
        const created = SubscriptionGroup.autoCreate(name, enabled)
        const may = SubscriptionGroup.validateName(name) === undefined && (enabled || SubscriptionGroup.isSystem(name))
        expect(created).toEqual(may ? SubscriptionGroup.defaults(name) : undefined)
      }),
    )
  })

  it("creates the groups that 5.5.0 creates at start, with its defaults", () => {
    expect(
      SubscriptionGroup.predefined()
        .map((group) => group.groupName)
        .toSorted(),
    ).toEqual([
      "CID_ONS-HTTP-PROXY",
      "CID_ONSAPI_OWNER",
      "CID_ONSAPI_PERMISSION",
      "CID_ONSAPI_PULL",
      "CID_RMQ_SYS_TRANS",
      "FILTERSRV_CONSUMER",
      "SELF_TEST_C_GROUP",
      "TOOLS_CONSUMER",
    ])
    expect(SubscriptionGroup.defaults("g")).toEqual({
      attributes: {},
      brokerId: 0,
      consumeBroadcastEnable: true,
      consumeEnable: true,
      consumeFromMinEnable: true,
      consumeMessageOrderly: false,
      consumeTimeoutMinute: 15,
      groupName: "g",
      groupRetryPolicy: { type: "CUSTOMIZED" },
      groupSysFlag: 0,
      notifyConsumerIdsChangedEnable: true,
      retryMaxTimes: 16,
      retryQueueNums: 1,
      whichBrokerWhenConsumeSlowly: 1,
    })
  })
})
