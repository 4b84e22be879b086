/**
 * Vectors of names.json: names with namespaces, of retry and dead-letter topics. The members of light queues and lite
 * topics, of static topics (mock broker names) and of POP's polling keys are taken as recorded: nothing here computes them.
 */
import * as Namespace from "../../../src/domain/Namespace.ts"
import * as SubscriptionGroup from "../../../src/domain/SubscriptionGroup.ts"
import * as Topic from "../../../src/domain/Topic.ts"
import { type Account, failed } from "./Account.ts"
import { nullReason, ofBroker } from "./shared.ts"

export const account: Account = {
  checks: {
    name: {
      run: ({ expected, name }) => {
        if (name === null) return failed
        const pop = Topic.popRetryV2Of(name)
        return {
          ...expected,
          retryTopic: Topic.retryTopic(name),
          dlqTopic: Topic.dlqTopic(name),
          replyTopic: Topic.replyTopic(name),
          isRetry: Topic.isRetry(name),
          isDlq: Topic.isDlq(name),
          isPopRetryV2: Topic.isPopRetryV2(name),
          popNormalTopic: pop?.topic ?? name,
          // For other topics 5.5.0 cuts seven characters off whatever it is given.
          popGroup: pop?.group ?? (Topic.isRetry(name) ? Topic.groupOf(name) : expected.popGroup),
          withoutNamespace: Namespace.unwrapAny(name, ofBroker),
          namespace: Namespace.namespaceOf(name, ofBroker),
          withoutRetryAndDlq: Namespace.bare(name),
          isLmq: Topic.isLmq(name),
          isSysConsumerGroup: SubscriptionGroup.isSystem(name),
          isSysConsumerGroupPullMessage: SubscriptionGroup.isSystem(name),
        }
      },
      differs: ({ name }) => (name === null ? nullReason : undefined),
    },
    pair: {
      run: ({ expected, first, second }) => {
        if (first === null || second === null) return failed
        return {
          ...expected,
          wrapNamespace: Namespace.wrap(first, second, ofBroker),
          wrapNamespaceAndRetry: Namespace.wrapRetry(first, second, ofBroker) ?? null,
          isAlreadyWithNamespace: Namespace.isWrapped(second, first, ofBroker),
          withoutNamespace: Namespace.unwrap(second, first, ofBroker),
          popRetryV1: Topic.popRetryTopicV1(first, second),
          popRetryV2: Topic.popRetryTopicV2(first, second),
          parseNormalTopic: Topic.popTopicOf(first, second),
        }
      },
      differs: ({ expected, first, second }) =>
        first === null || second === null
          ? nullReason
          : Topic.isRetry(first) && Topic.popTopicOf(first, second) === first && expected.parseNormalTopic !== first
            ? "a retry topic of another group is no POP retry topic of this one; 5.5.0 cuts it anyway"
            : undefined,
    },
  },
}
