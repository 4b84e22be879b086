/** The requests that brokers send to a client: a group changed, an administrator wants to know or to move something. */
import * as Admin from "../../format/Admin.ts"
import type { Command } from "../../format/Command.ts"
import { ConsumedDirectly, RunningInfo } from "../../format/ConsumerRuntime.ts"
import { ConsumerStatus, ResetOffsets } from "../../format/ConsumeStats.ts"
import type { Header, Parameters, Values } from "../../format/header.ts"
import { Malformed } from "../../format/Malformed.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { PushReplyMessage } from "../../format/SendMessage.ts"
import { standard } from "../../format/shape.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import type { Call } from "../../infra/remoting/Call.ts"
import type { Handler, Handlers } from "../../infra/remoting/Hub.ts"
import type { Instance } from "./Instance.ts"
import type { ConsumerMember } from "./Member.ts"

export const relayed = (instance: Instance): Handlers =>
  new Map<number, Handler>([
    [
      RequestCode.NOTIFY_CONSUMER_IDS_CHANGED,
      (_command, call) => {
        call.drop()
        instance.rebalanceNow()
      },
    ],
    [
      RequestCode.CHECK_TRANSACTION_STATE,
      (command, call) => {
        call.drop()
        instance.transactions.checked(command, call.connection)
      },
    ],
    [RequestCode.RESET_CONSUMER_CLIENT_OFFSET, (command, call) => reset(instance, command, call)],
    [RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT, (command, call) => status(instance, command, call)],
    [RequestCode.GET_CONSUMER_RUNNING_INFO, (command, call) => runningInfo(instance, command, call)],
    [RequestCode.CONSUME_MESSAGE_DIRECTLY, (command, call) => consumeDirectly(instance, command, call)],
    [RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT, (command, call) => replied(instance, command, call)],
  ])

/** The parameters of a request and the consumer that it is about; a request about nobody is answered with why. */
const addressed = <P extends Parameters>(
  instance: Instance,
  command: Command,
  call: Call,
  header: Header<P>,
  groupOf: (parameters: Values<P>) => string,
): { readonly parameters: Values<P>; readonly consumer: ConsumerMember } | undefined => {
  const parameters = header.decode(command.ext)
  if (parameters instanceof Malformed) {
    call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: parameters.message })
    return undefined
  }
  const group = groupOf(parameters)
  const consumer = instance.consumer(group)
  if (consumer === undefined) {
    call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: `The Consumer Group <${group}> not exist in this consumer` })
    return undefined
  }
  return { consumer, parameters }
}

const reset = (instance: Instance, command: Command, call: Call): void => {
  const found = addressed(instance, command, call, Admin.ResetOffset, ({ group }) => group)
  if (found === undefined) return
  const body = ResetOffsets.decode(command.body)
  if (body instanceof Malformed) return call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: body.message })
  found.consumer.reset(body.offsetTable.filter(([queue]) => queue.topic === found.parameters.topic))
  call.answer({ code: ResponseCode.SUCCESS })
}

const status = (instance: Instance, command: Command, call: Call): void => {
  const found = addressed(instance, command, call, Admin.GetConsumerStatus, ({ group }) => group)
  if (found === undefined) return
  const { topic } = found.parameters
  const messageQueueTable = found.consumer.offsets().filter(([queue]) => queue.topic === topic)
  call.answer({
    body: ConsumerStatus.encode({ consumerTable: new Map(), messageQueueTable }),
    code: ResponseCode.SUCCESS,
  })
}

const runningInfo = (instance: Instance, command: Command, call: Call): void => {
  const found = addressed(instance, command, call, Admin.GetConsumerRunningInfo, ({ consumerGroup }) => consumerGroup)
  if (found === undefined) return
  call.answer({ body: RunningInfo.encode(found.consumer.runningInfo()), code: ResponseCode.SUCCESS })
}

const consumeDirectly = (instance: Instance, command: Command, call: Call): void => {
  const found = addressed(instance, command, call, Admin.ConsumeMessageDirectly, ({ consumerGroup }) => consumerGroup)
  if (found === undefined) return
  const message = StoredMessage.decode(command.body)
  if (message instanceof Malformed) return call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: message.message })
  found.consumer.consumeDirectly(message, found.parameters.brokerName, (result) =>
    call.answer({ body: ConsumedDirectly.encode(result, standard), code: ResponseCode.SUCCESS }),
  )
}

/** A reply; its request may have ended meanwhile, which is no failure of whoever brings it. */
const replied = (instance: Instance, command: Command, call: Call): void => {
  const header = PushReplyMessage.decode(command.ext)
  if (header instanceof Malformed) return call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: header.message })
  instance.requests.replied(header, Buffer.from(command.body), call.connection.remote)
  call.answer({ code: ResponseCode.SUCCESS })
}
