import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Topic from "../../../src/domain/Topic.ts"
import { text, topicConfig, validName } from "./arbitrary.ts"

const settings = {
  clusterName: "DefaultCluster",
  brokerName: "broker-a",
  autoCreateTopicEnable: true,
  defaultTopicQueueNums: 8,
}

const config = (attributes: Record<string, string>): Topic.TopicConfig => ({ ...Topic.make("T", 1), attributes })

describe("Topic", () => {
  it("safe: a valid name is 1 to 255 letters, digits and % | _ -", () => {
    fc.assert(
      fc.property(fc.oneof(text, validName, validName.map(Topic.retryTopic)), (name) => {
        const isSafe = /^[%|a-zA-Z0-9_-]{1,255}$/.test(name)
        expect(Topic.validateName(name) === undefined ? isSafe : true).toBe(true)
        expect(isSafe && name.length <= 127 ? Topic.validateName(name) : undefined).toBeUndefined()
      }),
    )
  })

  it("inherited: an auto-created topic has no more queues than its template and passes INHERIT on to nobody", () => {
    fc.assert(
      fc.property(
        topicConfig(Topic.TopicName.AUTO_CREATE_TOPIC_KEY),
        fc.integer({ min: -2, max: 20 }),
        (template, asked) => {
          const created = Topic.autoCreate("T", template, asked, true)
          expect(created === undefined).toBe(!Topic.isInherited(template.perm))
          if (created === undefined) return
          expect(created.readQueueNums).toBe(created.writeQueueNums)
          expect(created.writeQueueNums).toBeGreaterThanOrEqual(0)
          expect(created.writeQueueNums).toBeLessThanOrEqual(template.writeQueueNums)
          expect(Topic.isInherited(created.perm)).toBe(false)
          expect(Topic.isWritable(created.perm)).toBe(Topic.isWritable(template.perm))
        },
      ),
    )
  })

  it("inherited: nothing comes of a template that is missing or switched off", () => {
    const template = Topic.make(Topic.TopicName.AUTO_CREATE_TOPIC_KEY, 8, Topic.Perm.ALL)
    expect(Topic.autoCreate("T", undefined, 4, true)).toBeUndefined()
    expect(Topic.autoCreate("T", template, 4, false)).toBeUndefined()
    expect(Topic.autoCreate("T", Topic.make("Mine", 2, Topic.Perm.ALL), 4, false)).toEqual(Topic.make("T", 2))
  })

  it("ours: nobody may send to Gantry's own topics", () => {
    fc.assert(fc.property(validName, (name) => Topic.isNotSendable(`${Topic.gantryPrefix}${name}`)))
    expect(Topic.isGantry(Topic.TopicName.GANTRY_OFFSET)).toBe(true)
    expect(Topic.isSystem(Topic.TopicName.GANTRY_OFFSET)).toBe(true)
    expect(Topic.isNotSendable("rmq_sys_wheel_timer")).toBe(false)
  })

  it("creates the topics that 5.5.0 creates at start", () => {
    const created = Topic.systemTopics(settings).map((topic) => [
      topic.topicName,
      topic.readQueueNums,
      topic.writeQueueNums,
      topic.perm,
    ])
    // As found in topics.json of a broker that 5.5.0 had just started.
    expect(created.toSorted()).toEqual(
      [
        ["BenchmarkTest", 1024, 1024, 6],
        ["DefaultCluster", 16, 16, 7],
        ["DefaultCluster_REPLY_TOPIC", 1, 1, 6],
        ["OFFSET_MOVED_EVENT", 1, 1, 6],
        ["RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC", 1, 1, 6],
        ["RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC", 1, 1, 6],
        ["RMQ_SYS_TRANS_HALF_TOPIC", 1, 1, 6],
        ["RMQ_SYS_TRANS_OP_HALF_TOPIC", 1, 1, 6],
        ["SCHEDULE_TOPIC_XXXX", 18, 18, 6],
        ["SELF_TEST_TOPIC", 1, 1, 6],
        ["TBW102", 8, 8, 7],
        ["broker-a", 1, 1, 7],
        ["rmq_sys_REVIVE_LOG_DefaultCluster", 8, 8, 6],
        ["rmq_sys_SYNC_BROKER_MEMBER_broker-a", 1, 1, 1],
        ["rmq_sys_wheel_timer", 1, 1, 6],
      ].toSorted(),
    )
  })

  it("creates what the settings ask for", () => {
    const names = Topic.systemTopics({
      ...settings,
      autoCreateTopicEnable: false,
      clusterTopicEnable: false,
      brokerTopicEnable: false,
      traceTopicEnable: true,
      timerWheelEnable: false,
    })
    const permOf = (name: string): number | undefined => names.find((topic) => topic.topicName === name)?.perm
    expect(permOf("TBW102")).toBeUndefined()
    expect(permOf("rmq_sys_wheel_timer")).toBeUndefined()
    expect(permOf("DefaultCluster")).toBe(Topic.Perm.INHERIT)
    expect(permOf("broker-a")).toBe(Topic.Perm.INHERIT)
    expect(permOf("RMQ_SYS_TRACE_TOPIC")).toBe(Topic.Perm.READ_WRITE)
  })

  it("knows whose retry or dead-letter topic a topic is", () => {
    expect(Topic.groupOf(Topic.retryTopic("g"))).toBe("g")
    expect(Topic.groupOf(Topic.dlqTopic("g"))).toBe("g")
    expect(Topic.groupOf("g")).toBeUndefined()
    expect(Topic.popRetryV2Of(Topic.popRetryTopicV2("T", "g"))).toEqual({ group: "g", topic: "T" })
    expect(Topic.popTopicOf(Topic.popRetryTopicV1("T", "g"), "g")).toBe("T")
    expect(Topic.isLmq("%LMQ%a")).toBe(true)
  })

  it("reads the kind of a queue from the attributes", () => {
    expect(Topic.isBatchQueue(config({ "queue.type": "BatchCQ" }))).toBe(true)
    expect(Topic.isBatchQueue(config({}))).toBe(false)
    expect(Topic.isCompacted(config({ "cleanup.policy": "COMPACTION" }))).toBe(true)
  })
})
