/**
 * The names of one client in its namespace: applications say `orders`, brokers know `tenant-a%orders`. What the prefix
 * is put to is decided in `domain/Namespace`. Queues carry the names that brokers know; giving those back is fine.
 */
import * as Namespace from "../../domain/Namespace.ts"
import type { Decoded } from "../../format/StoredMessage.ts"
import { ArgumentError } from "../GantryError.ts"
import { Message } from "../Message.ts"

export class Names {
  readonly #namespace: string | undefined

  /** Throws an ArgumentError for a namespace that cannot be part of a name. */
  constructor(namespace: string | undefined) {
    if (namespace !== undefined && namespace !== "" && !/^[\w-]{1,64}$/.test(namespace))
      throw new ArgumentError(
        `No client: the namespace "${namespace}" is not 1 to 64 letters, digits, "_" and "-", which are what names are made of`,
      )
    this.#namespace = namespace === "" ? undefined : namespace
  }

  /** A topic or group as brokers know it. */
  ofBroker(name: string): string {
    return this.#namespace === undefined ? name : Namespace.wrap(this.#namespace, name)
  }

  /** The same options, with the name that brokers know. */
  withTopic<O extends { readonly topic: string }>(option: O): O
  withTopic<O extends { readonly topic: string }>(option: O | string): O | string
  withTopic<O extends { readonly topic: string }>(option: O | string): O | string {
    if (this.#namespace === undefined) return option
    return typeof option === "string" ? this.ofBroker(option) : { ...option, topic: this.ofBroker(option.topic) }
  }

  withGroup<O extends { readonly group?: string }>(options: O, fallback?: string): O {
    const group = options.group ?? fallback
    return this.#namespace === undefined || group === undefined ? options : { ...options, group: this.ofBroker(group) }
  }

  /** A message as the application gets it. */
  message(stored: Decoded, brokerName: string): Message {
    return new Message(stored, brokerName, stored.reconsumeTimes, this.#namespace)
  }
}
