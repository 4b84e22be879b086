/**
 * What a client checks before it asks a broker: names and messages, in the words that RocketMQ's clients use. The
 * broker checks again (Topic, SubscriptionGroup, Send): it trusts no client.
 *
 * Laws (test/model/domain/ClientCheck.test.ts)
 *   stricter  what passes here passes the broker's check of the same thing
 * Source: behaviour of RocketMQ 5.5.0 (Validators).
 */
import { isBlank } from "./JavaString.ts"
import { nameLengthMax as groupLengthMax } from "./SubscriptionGroup.ts"
import { hasIllegalCharacter, isNotSendable, isSystem, isValidPerm, nameLengthMax } from "./Topic.ts"

/** `code`: the response code that the error carries, when it carries one. */
export interface Invalid {
  readonly code: "MESSAGE_ILLEGAL" | "NO_PERMISSION" | undefined
  readonly message: string
}

export interface Message {
  readonly topic: string | undefined
  /** Undefined: there is no body. */
  readonly bodySizeBytes: number | undefined
  /** INNER_MULTI_DISPATCH, if set. */
  readonly multiDispatch?: string | undefined
}

/** Undefined when fine. A client takes no retry topic that is longer than an ordinary one. */
export const topic = (name: string | undefined): Invalid | undefined => {
  if (name === undefined || isBlank(name)) return { code: undefined, message: "The specified topic is blank" }
  if (name.length > nameLengthMax) {
    return { code: undefined, message: `The specified topic is longer than topic max length ${nameLengthMax}.` }
  }
  return hasIllegalCharacter(name)
    ? {
        code: undefined,
        message: `The specified topic[${name}] contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$`,
      }
    : undefined
}

export const group = (name: string | undefined): Invalid | undefined => {
  if (name === undefined || isBlank(name)) return { code: undefined, message: "the specified group is blank" }
  if (name.length > groupLengthMax) {
    return {
      code: undefined,
      message: `the specified group[${name}] is longer than group max length: ${groupLengthMax}.`,
    }
  }
  return hasIllegalCharacter(name)
    ? {
        code: undefined,
        message: `the specified group[${name}] contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$`,
      }
    : undefined
}

/** A topic that an application creates must not have a name of the system. */
export const notSystemTopic = (name: string, ofBroker?: ReadonlySet<string>): Invalid | undefined =>
  isSystem(name, ofBroker)
    ? { code: undefined, message: `The topic[${name}] is conflict with system topic.` }
    : undefined

export const sendableTopic = (name: string): Invalid | undefined =>
  isNotSendable(name) ? { code: undefined, message: `Sending message to topic[${name}] is forbidden.` } : undefined

export const message = (checked: Message, maxMessageSize: number): Invalid | undefined => {
  const invalid = topic(checked.topic) ?? sendableTopic(checked.topic!)
  if (invalid !== undefined) return invalid
  if (checked.bodySizeBytes === undefined) return illegal("the message body is null")
  if (checked.bodySizeBytes === 0) return illegal("the message body length is zero")
  if (checked.bodySizeBytes > maxMessageSize) {
    return illegal(`the message body size over max value, MAX: ${maxMessageSize}`)
  }
  return checked.multiDispatch?.includes("/") === true
    ? illegal(`INNER_MULTI_DISPATCH ${checked.multiDispatch} can not contains / character`)
    : undefined
}

/** `what`: "topicPermission" or "brokerPermission". */
export const perm = (what: "topicPermission" | "brokerPermission", value: number): Invalid | undefined =>
  isValidPerm(value) ? undefined : { code: "NO_PERMISSION", message: `${what} value: ${value} is invalid.` }

const illegal = (text: string): Invalid => ({ code: "MESSAGE_ILLEGAL", message: text })
