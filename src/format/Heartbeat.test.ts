import { assert, it } from "vitest"
import { Heartbeat } from "./Heartbeat.ts"
import { Malformed } from "./Malformed.ts"
import { PullMessage } from "./PullMessage.ts"

it("reads the heartbeat of the Go client 2.1.2, whose versions count nanoseconds, as its pulls carry them", () => {
  const version = "1795261721207916524"
  const subscription = `{"classFilterMode":false,"topic":"GoTopic","subString":"TagA","tagsSet":["TagA"],"codeSet":[2598919],"subVersion":${version},"expressionType":"TAG"}`
  const body = `{"clientID":"192.0.2.2@2916","producerDataSet":[],"consumerDataSet":[{"groupName":"gocg","consumeType":"CONSUME_PASSIVELY","messageModel":"Clustering","consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","subscriptionDataSet":[${subscription}],"unitMode":false}]}`
  const beat = Heartbeat.decode(Buffer.from(body))
  if (beat instanceof Malformed) assert.fail(beat.message)
  const pull = PullMessage.decode({
    consumerGroup: "gocg",
    maxMsgNums: "32",
    queueId: "0",
    queueOffset: "0",
    subVersion: version,
    sysFlag: "0",
    topic: "GoTopic",
  })
  if (pull instanceof Malformed) assert.fail(pull.message)
  const [consumer] = beat.consumerDataSet
  assert.strictEqual(consumer?.messageModel, "CLUSTERING")
  assert.strictEqual(consumer?.subscriptionDataSet[0]?.subVersion, pull.subVersion)
})
