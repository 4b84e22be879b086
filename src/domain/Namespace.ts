/**
 * Namespaces of clients: a prefix `<namespace>%` of topics and groups that the client adds before it sends and takes
 * away before the application sees a name. A retry or dead-letter topic keeps its own prefix in front.
 *
 * Laws (test/model/domain/Namespace.test.ts)
 *   there and back  for an ordinary name, what is wrapped comes back unwrapped
 *   once            wrapping twice is wrapping once
 * Source: behaviour of RocketMQ 5.5.0 (NamespaceUtil).
 */
import { isSystem as isSystemGroup } from "./SubscriptionGroup.ts"
import { dlqPrefix, isDlq, isRetry, isSystem as isSystemTopic, retryPrefix } from "./Topic.ts"

const separator = "%"

/** The name with its namespace in front; names of the system, and names that have it already, stay as they are. */
export const wrap = (namespace: string | undefined, name: string, ofBroker?: ReadonlySet<string>): string => {
  if (namespace === undefined || namespace === "" || name === "" || isSystem(name, ofBroker)) return name
  if (isWrapped(name, namespace, ofBroker)) return name
  return prefixOf(name) + namespace + separator + bare(name)
}

/** The retry topic of a group in a namespace; undefined without a group. */
export const wrapRetry = (
  namespace: string | undefined,
  group: string,
  ofBroker?: ReadonlySet<string>,
): string | undefined => (group === "" ? undefined : retryPrefix + wrap(namespace, group, ofBroker))

/** Whether the name is in this namespace. */
export const isWrapped = (name: string, namespace: string | undefined, ofBroker?: ReadonlySet<string>): boolean =>
  namespace !== undefined &&
  namespace !== "" &&
  name !== "" &&
  !isSystem(name, ofBroker) &&
  bare(name).startsWith(namespace + separator)

/** The name without whatever namespace it has. */
export const unwrapAny = (name: string, ofBroker?: ReadonlySet<string>): string => {
  if (isSystem(name, ofBroker)) return name
  const rest = bare(name)
  const end = rest.indexOf(separator)
  return end > 0 ? prefixOf(name) + rest.slice(end + 1) : name
}

/** The name without this namespace; a name in another one stays as it is. */
export const unwrap = (name: string, namespace: string | undefined, ofBroker?: ReadonlySet<string>): string =>
  namespace !== undefined && namespace !== "" && bare(name).startsWith(namespace + separator)
    ? unwrapAny(name, ofBroker)
    : name

/** The namespace of a name, "" when it has none. */
export const namespaceOf = (name: string, ofBroker?: ReadonlySet<string>): string => {
  if (isSystem(name, ofBroker)) return ""
  const rest = bare(name)
  const end = rest.indexOf(separator)
  return end > 0 ? rest.slice(0, end) : ""
}

/** The name without the prefix of a retry or dead-letter topic. */
export const bare = (name: string): string => name.slice(prefixOf(name).length)

const prefixOf = (name: string): string => (isRetry(name) ? retryPrefix : isDlq(name) ? dlqPrefix : "")

const isSystem = (name: string, ofBroker: ReadonlySet<string> | undefined): boolean =>
  isSystemTopic(name, ofBroker) || isSystemGroup(name)
