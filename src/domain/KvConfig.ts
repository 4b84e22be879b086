/**
 * The name server's key-value configuration: namespace, key, value, kept in one JSON file.
 *
 * Laws (test/model/domain/KvConfig.test.ts)
 *   read-own  a put value is what a get answers until it is put again or deleted
 *   tidy      a namespace without keys is gone
 * Source: behaviour of RocketMQ 5.5.0 (KVConfigManager).
 */

/** Namespace of the queue order of ordered topics: `broker-a:4;broker-b:4` by topic. */
export const orderTopicNamespace = "ORDER_TOPIC_CONFIG"

export type KvConfig = ReadonlyMap<string, ReadonlyMap<string, string>>

export const empty: KvConfig = new Map()

export const put = (config: KvConfig, namespace: string, key: string, value: string): KvConfig =>
  new Map(config).set(namespace, new Map(config.get(namespace)).set(key, value))

export const get = (config: KvConfig, namespace: string, key: string): string | undefined =>
  config.get(namespace)?.get(key)

export const list = (config: KvConfig, namespace: string): ReadonlyMap<string, string> | undefined =>
  config.get(namespace)

export const remove = (config: KvConfig, namespace: string, key: string): KvConfig => {
  const rest = new Map(config.get(namespace))
  if (!rest.delete(key)) return config
  const changed = new Map(config)
  if (rest.size === 0) changed.delete(namespace)
  else changed.set(namespace, rest)
  return changed
}
