/**
 * Sharing out queues in place of the members of a group: what is decided in `Assignment` and `RequestMode` is asked and
 * answered here.
 */
import * as Result from "effect/Result"
import * as Assignment from "../../domain/Assignment.ts"
import * as ConsumerGroup from "../../domain/ConsumerGroup.ts"
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import * as RequestMode from "../../domain/RequestMode.ts"
import * as Topic from "../../domain/Topic.ts"
import { QueryAssignment, QueryAssignmentAnswer } from "../../format/Assignment.ts"
import { RequestModeSetting, RequestModes } from "../../format/ConfigJson.ts"
import { Malformed } from "../../format/Malformed.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { standard } from "../../format/shape.ts"
import type { Handler } from "../../infra/remoting/Hub.ts"
import { success } from "../../infra/remoting/TypedHandler.ts"
import { answerMalformed, answerRefusal, type BrokerState } from "./BrokerState.ts"

/** The queues of a topic on all brokers; `told` gets undefined when nobody knows. */
export type ReadQueues = (topic: string, told: (queues: ReadonlyArray<MessageQueue> | undefined) => void) => void

export const assignmentCalls = (
  state: BrokerState,
  readQueues: ReadQueues,
): ReadonlyArray<readonly [number, Handler]> => [
  [RequestCode.QUERY_ASSIGNMENT, queryAssignment(state, readQueues)],
  [RequestCode.SET_MESSAGE_REQUEST_MODE, setRequestMode(state)],
  [RequestCode.GET_ALL_MESSAGE_REQUEST_MODE, allRequestModes(state)],
]

const queryAssignment =
  (state: BrokerState, readQueues: ReadQueues): Handler =>
  (command, call) => {
    const body = QueryAssignment.decode(command.body)
    if (body instanceof Malformed) return answerMalformed(call, body)
    const { consumerGroup, topic } = body
    // No name server needs to be asked for what cannot be the name of a topic.
    if (Topic.validateName(topic) !== undefined)
      return call.answer({ ...success, body: QueryAssignmentAnswer.encode({}, standard) })
    readQueues(topic, (queues) => {
      const { config, consumers, metadata } = state
      const { mode, popShareQueueNum } = RequestMode.find(metadata.requestModes, topic, consumerGroup, {
        mode: config.defaultMessageRequestMode === "POP" ? "POP" : "PULL",
        popShareQueueNum: config.defaultPopShareQueueNum,
      })
      const part = Assignment.assign(body, {
        clientIds: ConsumerGroup.clientIds(consumers, consumerGroup),
        isBalancing: config.serverLoadBalancerEnable,
        mode,
        popShareQueueNum,
        queues,
      })
      const answer =
        part === undefined ? {} : { messageQueueAssignments: part.map((messageQueue) => ({ messageQueue, mode })) }
      call.answer({ ...success, body: QueryAssignmentAnswer.encode(answer, standard) })
    })
  }

/** Answered when it is on disk. */
const setRequestMode =
  (state: BrokerState): Handler =>
  (command, call) => {
    const setting = RequestModeSetting.decode(command.body)
    if (setting instanceof Malformed) return answerMalformed(call, setting)
    const { metadata } = state
    const decision = RequestMode.decide(setting, {
      hasGroup: (group) => metadata.groups.has(group),
      hasTopic: (topic) => metadata.topics.has(topic),
    })
    if (Result.isFailure(decision)) return answerRefusal(call, decision.failure)
    metadata.setRequestModes(decision.success.settings, (failure) =>
      failure === undefined
        ? call.answer(success)
        : call.answer({
            code: ResponseCode.SYSTEM_ERROR,
            remark: `the change is not known to be on disk: ${failure}`,
          }),
    )
  }

const allRequestModes =
  (state: BrokerState): Handler =>
  (_command, call) =>
    call.answer({
      ...success,
      body: RequestModes.encode({ messageRequestModeMap: state.metadata.requestModes }, standard),
    })
