/** Vectors of validation.json: names, messages and permissions that are refused. */
import * as ClientCheck from "../../../src/domain/ClientCheck.ts"
import * as SubscriptionGroup from "../../../src/domain/SubscriptionGroup.ts"
import * as Topic from "../../../src/domain/Topic.ts"
import { type Account, failed } from "./Account.ts"
import { ofBroker } from "./shared.ts"

const codeNumber = { MESSAGE_ILLEGAL: 13, NO_PERMISSION: 16 }
const clientAnswer = (invalid: ClientCheck.Invalid | undefined): unknown =>
  invalid === undefined
    ? "ok"
    : { code: invalid.code === undefined ? -1 : codeNumber[invalid.code], message: invalid.message }
const brokerAnswer = (remark: string | undefined): unknown => ({ valid: remark === undefined, remark: remark ?? "" })

export const account: Account = {
  checks: {
    topic: {
      run: ({ expected, name }) => ({
        client: clientAnswer(ClientCheck.topic(name ?? undefined)),
        broker: brokerAnswer(Topic.validateName(name ?? undefined)),
        isSystemTopic: name === null ? expected.isSystemTopic : Topic.isSystem(name, ofBroker),
        clientSystemCheck:
          name === null ? expected.clientSystemCheck : clientAnswer(ClientCheck.notSystemTopic(name, ofBroker)),
        sendForbidden: clientAnswer(ClientCheck.sendableTopic(name ?? "")),
      }),
    },
    group: {
      run: ({ expected, name }) => ({
        client: clientAnswer(ClientCheck.group(name ?? undefined)),
        broker: brokerAnswer(SubscriptionGroup.validateName(name ?? undefined)),
        isSysConsumerGroup: name === null ? expected.isSysConsumerGroup : SubscriptionGroup.isSystem(name),
        isPredefinedGroup: SubscriptionGroup.isPredefined(name ?? ""),
      }),
    },
    illegalName: { run: ({ name }) => Topic.hasIllegalCharacter(name) },
    systemTopicSet: {
      run: ({ name }) => ({ system: Topic.isSystem(name, ofBroker), notAllowedToSend: Topic.isNotSendable(name) }),
    },
    message: {
      run: ({ bodyLength, maxMessageSize, properties, topic }) =>
        clientAnswer(
          ClientCheck.message(
            {
              topic: topic ?? undefined,
              bodySizeBytes: bodyLength ?? undefined,
              multiDispatch: properties.INNER_MULTI_DISPATCH,
            },
            maxMessageSize,
          ),
        ),
    },
    topicConfigPerm: { run: ({ perm }) => clientAnswer(ClientCheck.perm("topicPermission", perm)) },
    brokerPermission: {
      run: ({ value }) =>
        /^-?[0-9]+$/.test(value) ? clientAnswer(ClientCheck.perm("brokerPermission", Number(value))) : failed,
    },
  },
  absent: { nullMessage: "the type system: a message is never null" },
}
