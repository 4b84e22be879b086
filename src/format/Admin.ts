/** Requests of administrators to a broker. Source: spec/wire.md, admin calls on the broker. */
import { flag, header, int, long, optional, orElse, text, time } from "./header.ts"

/** UPDATE_AND_CREATE_TOPIC (17). */
export const CreateTopic = header("CreateTopic", {
  topic: text("Topic."),
  defaultTopic: orElse(text("Any template topic; not used."), ""),
  readQueueNums: int("Queues to read from."),
  writeQueueNums: int("Queues to write to."),
  perm: int("4 read, 2 write, 1 inherit."),
  topicFilterType: text("SINGLE_TAG or MULTI_TAG."),
  topicSysFlag: optional(int("1 unit, 2 unit subscription.")),
  order: orElse(flag("The topic is ordered."), false),
  attributes: optional(text("+name=value,-name.")),
  force: optional(flag("Also over an existing topic of another kind.")),
})
export type CreateTopic = typeof CreateTopic.Type

/** DELETE_TOPIC_IN_BROKER (215), GET_TOPIC_STATS_INFO (202), QUERY_TOPIC_CONSUME_BY_WHO (300). */
export const TopicOf = header("TopicOf", { topic: text("Topic.") })
export type TopicOf = typeof TopicOf.Type

/** GET_TOPIC_CONFIG (351). */
export const GetTopicConfig = header("GetTopicConfig", {
  topic: text("Topic."),
  lo: optional(flag("With the mapping of a static topic.")),
})
export type GetTopicConfig = typeof GetTopicConfig.Type

/** GET_ALL_TOPIC_CONFIG (21): everything when nothing is given. */
export const GetAllTopicConfig = header("GetAllTopicConfig", {
  topicSeq: optional(int("Index of the first wanted.")),
  dataVersion: optional(text("Data version of the first page, JSON.")),
  maxTopicNum: optional(int("Size of a page.")),
})
export type GetAllTopicConfig = typeof GetAllTopicConfig.Type

/** Its answer. */
export const GetAllTopicConfigAnswer = header("GetAllTopicConfigAnswer", {
  totalTopicNum: optional(int("Topics in all.")),
})
export type GetAllTopicConfigAnswer = typeof GetAllTopicConfigAnswer.Type

/** GET_ALL_SUBSCRIPTIONGROUP_CONFIG (201): everything when nothing is given. */
export const GetAllSubscriptionGroup = header("GetAllSubscriptionGroup", {
  groupSeq: optional(int("Index of the first wanted.")),
  dataVersion: optional(text("Data version of the first page, JSON.")),
  maxGroupNum: optional(int("Size of a page.")),
})
export type GetAllSubscriptionGroup = typeof GetAllSubscriptionGroup.Type

/** Its answer. */
export const GetAllSubscriptionGroupAnswer = header("GetAllSubscriptionGroupAnswer", {
  totalGroupNum: optional(int("Groups in all.")),
})
export type GetAllSubscriptionGroupAnswer = typeof GetAllSubscriptionGroupAnswer.Type

/** GET_SUBSCRIPTIONGROUP_CONFIG (352) and QUERY_TOPICS_BY_CONSUMER (343). */
export const GroupOf = header("GroupOf", { group: text("Consumer group.") })
export type GroupOf = typeof GroupOf.Type

/** DELETE_SUBSCRIPTIONGROUP (207). */
export const DeleteSubscriptionGroup = header("DeleteSubscriptionGroup", {
  groupName: text("Consumer group."),
  cleanOffset: optional(flag("Its offsets too.")),
  removeOffset: optional(flag("The same, as 4.9 calls it.")),
})
export type DeleteSubscriptionGroup = typeof DeleteSubscriptionGroup.Type

/** GET_PRODUCER_CONNECTION_LIST (204). */
export const ProducerGroupOf = header("ProducerGroupOf", { producerGroup: text("Producer group.") })
export type ProducerGroupOf = typeof ProducerGroupOf.Type

/** GET_CONSUME_STATS (208). */
export const GetConsumeStats = header("GetConsumeStats", {
  consumerGroup: text("Consumer group."),
  topic: optional(text("Only this topic.")),
  topicList: optional(text("Only these topics, joined by semicolons.")),
})
export type GetConsumeStats = typeof GetConsumeStats.Type

/** INVOKE_BROKER_TO_RESET_OFFSET (222), RESET_CONSUMER_CLIENT_OFFSET (220). */
export const ResetOffset = header("ResetOffset", {
  topic: text("Topic."),
  group: text("Consumer group."),
  timestamp: time("Store time to go to, ms; -1: the end."),
  isForce: optional(flag("Also forwards.")),
  queueId: optional(int("Only this queue; -1: all.")),
  offset: optional(long("This offset instead of a time.")),
})
export type ResetOffset = typeof ResetOffset.Type

/** GET_CONSUMER_STATUS_FROM_CLIENT (221), INVOKE_BROKER_TO_GET_CONSUMER_STATUS (223). */
export const GetConsumerStatus = header("GetConsumerStatus", {
  topic: text("Topic."),
  group: text("Consumer group."),
  clientAddr: optional(text("Client id.")),
})
export type GetConsumerStatus = typeof GetConsumerStatus.Type

/** GET_CONSUMER_RUNNING_INFO (307). */
export const GetConsumerRunningInfo = header("GetConsumerRunningInfo", {
  consumerGroup: text("Consumer group."),
  clientId: text("Client id."),
  jstackEnable: optional(flag("With the stacks of the client.")),
})
export type GetConsumerRunningInfo = typeof GetConsumerRunningInfo.Type

/** CONSUME_MESSAGE_DIRECTLY (309). */
export const ConsumeMessageDirectly = header("ConsumeMessageDirectly", {
  consumerGroup: text("Consumer group."),
  clientId: optional(text("Client id.")),
  msgId: optional(text("Offset message id.")),
  brokerName: optional(text("Name of the broker.")),
  topic: optional(text("Topic.")),
  topicSysFlag: optional(int("See Topic.")),
  groupSysFlag: optional(int("See SubscriptionGroup.")),
})
export type ConsumeMessageDirectly = typeof ConsumeMessageDirectly.Type

/** RESUME_CHECK_HALF_MESSAGE (323). */
export const ResumeCheckHalfMessage = header("ResumeCheckHalfMessage", {
  topic: optional(text("Topic; 4.9 does not send it.")),
  msgId: text("Offset message id."),
})
export type ResumeCheckHalfMessage = typeof ResumeCheckHalfMessage.Type

/** QUERY_SUBSCRIPTION_BY_CONSUMER (345). */
export const QuerySubscription = header("QuerySubscription", {
  group: text("Consumer group."),
  topic: optional(text("Topic.")),
})
export type QuerySubscription = typeof QuerySubscription.Type

/** QUERY_CONSUME_TIME_SPAN (303). */
export const TopicOfGroup = header("TopicOfGroup", { group: text("Consumer group."), topic: text("Topic.") })
export type TopicOfGroup = typeof TopicOfGroup.Type

/** GET_BROKER_CONSUME_STATS (317). */
export const GetBrokerConsumeStats = header("GetBrokerConsumeStats", { isOrder: flag("Only ordered topics.") })
export type GetBrokerConsumeStats = typeof GetBrokerConsumeStats.Type

/** VIEW_BROKER_STATS_DATA (315). */
export const ViewBrokerStats = header("ViewBrokerStats", {
  statsName: text("What is counted, such as TOPIC_PUT_NUMS."),
  statsKey: text("What it is counted for: topic, topic@group, cluster."),
})
export type ViewBrokerStats = typeof ViewBrokerStats.Type

/** QUERY_CORRECTION_OFFSET (308). */
export const QueryCorrectionOffset = header("QueryCorrectionOffset", {
  filterGroups: optional(text("Groups that do not count, joined by commas.")),
  compareGroup: text("Group that the others are compared with."),
  topic: text("Topic."),
})
export type QueryCorrectionOffset = typeof QueryCorrectionOffset.Type

/** CLONE_GROUP_OFFSET (314). */
export const CloneGroupOffset = header("CloneGroupOffset", {
  srcGroup: text("Group to copy from."),
  destGroup: text("Group to copy to."),
  topic: optional(text("Topic; without it all of the group.")),
  offline: optional(flag("Also topics that the group, being online, does not subscribe.")),
})
export type CloneGroupOffset = typeof CloneGroupOffset.Type

/** QUERY_CONSUME_QUEUE (321). */
export const QueryConsumeQueue = header("QueryConsumeQueue", {
  topic: text("Topic."),
  queueId: int("Queue."),
  index: long("Queue offset of the first wanted; below 0: that many before the end."),
  count: int("How many."),
  consumerGroup: optional(text("Whose subscription to hold against them.")),
})
export type QueryConsumeQueue = typeof QueryConsumeQueue.Type

/** UPDATE_AND_GET_GROUP_FORBIDDEN (353). */
export const GroupForbidden = header("GroupForbidden", {
  group: text("Consumer group."),
  topic: text("Topic."),
  readable: optional(flag("Whether the group may read the topic; absent: only asks.")),
})
export type GroupForbidden = typeof GroupForbidden.Type
