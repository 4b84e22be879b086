/**
 * How the members of a group get a topic's messages when their broker shares out the queues (`Assignment`): by PULL,
 * each of its own queues, or by POP, from whole brokers. An administrator sets it for a topic and a group; who was set
 * nothing has the broker's default, and retry topics are always pulled.
 *
 * The table is mutable inside its owner. It is a fold of the log: `evolve` applies what a record says.
 *
 * Laws (test/model/domain/RequestMode.test.ts)
 *   replay   folding the events over an empty table gives the table
 *   bounded  a setting names a topic and a group that the broker has, and goes with either
 *   retry    no retry topic has a setting
 * Source: behaviour of RocketMQ 5.5.0 (MessageRequestModeManager, QueryAssignmentProcessor); that settings go with their
 * topic or group is Gantry's own.
 */
import * as Result from "effect/Result"
import { type Refusal, refuse } from "./Refusal.ts"
import { retryPrefix } from "./Topic.ts"

export type RequestMode = "PULL" | "POP"

/** What holds for one topic and group. */
export interface Setting {
  readonly topic: string
  readonly consumerGroup: string
  readonly mode: RequestMode
  /** POP: with how many more members each shares its queues; 0 or less: all members share all of them. */
  readonly popShareQueueNum: number
}

/** Topic → group → setting. */
export type RequestModes = Map<string, Map<string, Setting>>

export type Event =
  | { readonly _tag: "Set"; readonly settings: ReadonlyArray<Setting> }
  | { readonly _tag: "TopicDeleted"; readonly topic: string }
  | { readonly _tag: "GroupDeleted"; readonly group: string }

/** What the broker has. */
export interface View {
  readonly hasTopic: (topic: string) => boolean
  readonly hasGroup: (group: string) => boolean
}

export const make = (): RequestModes => new Map()

/** Whether a setting may be made. */
export const decide = (setting: Setting, view: View): Result.Result<Extract<Event, { _tag: "Set" }>, Refusal> => {
  const { consumerGroup, topic } = setting
  if (topic.startsWith(retryPrefix)) {
    return refuse("NO_PERMISSION", "retry topic is not allowed to set mode. Retry topics are always pulled.")
  }
  if (!view.hasTopic(topic)) return refuse("TOPIC_NOT_EXIST", `topic[${topic}] not exist. Create it first.`)
  if (!view.hasGroup(consumerGroup)) {
    return refuse(
      "SUBSCRIPTION_GROUP_NOT_EXIST",
      `subscription group does not exist: ${consumerGroup}. A consumer's heartbeat creates it, or an administrator.`,
    )
  }
  return Result.succeed({ _tag: "Set", settings: [setting] })
}

/** Applies one durable event. */
export const evolve = (modes: RequestModes, event: Event): void => {
  switch (event._tag) {
    case "Set":
      for (const setting of event.settings) {
        const groups = modes.get(setting.topic)
        if (groups === undefined) modes.set(setting.topic, new Map([[setting.consumerGroup, setting]]))
        else groups.set(setting.consumerGroup, setting)
      }
      return
    case "TopicDeleted":
      modes.delete(event.topic)
      return
    case "GroupDeleted":
      for (const [topic, groups] of modes) {
        groups.delete(event.group)
        if (groups.size === 0) modes.delete(topic)
      }
  }
}

/** What a broker is set to where nothing else is. */
export interface Defaults {
  readonly mode: RequestMode
  readonly popShareQueueNum: number
}

/** What holds for a topic and a group. */
export const find = (modes: RequestModes, topic: string, consumerGroup: string, defaults: Defaults): Setting =>
  modes.get(topic)?.get(consumerGroup) ?? {
    consumerGroup,
    mode: topic.startsWith(retryPrefix) ? "PULL" : defaults.mode,
    popShareQueueNum: defaults.popShareQueueNum,
    topic,
  }

/** All settings, for a snapshot. */
export const settings = (modes: RequestModes): ReadonlyArray<Setting> =>
  [...modes.values()].flatMap((groups) => Array.from(groups.values()))
