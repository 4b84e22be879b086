/** Settings that a test gives the brokers of its cluster. */
import { hint } from "../domain/Nearest.ts"
import * as BrokerConfig from "../node/broker/BrokerConfig.ts"

/** What a cluster decides for itself: who its brokers are, where they listen, and where they keep what they have. */
const owned = [
  "bindAddress",
  "brokerIP1",
  "brokerName",
  "fastListenPort",
  "listenPort",
  "namesrvAddr",
  "storePathRootDir",
] as const satisfies ReadonlyArray<keyof BrokerConfig.BrokerConfig>

/** Settings of a broker, by RocketMQ's names: `{ autoCreateTopicEnable: false }`. Times in ms, sizes in bytes. */
export type Settings = Partial<Omit<BrokerConfig.BrokerConfig, (typeof owned)[number]>>

/** Refuses what the types would, for callers without them. */
export const checked = (settings: Settings): Settings => {
  const defaults: Readonly<Record<string, unknown>> = BrokerConfig.defaults
  for (const [name, value] of Object.entries(settings)) {
    if ((owned as ReadonlyArray<string>).includes(name))
      throw new TypeError(`The setting ${name} is the cluster's own, so that many can live side by side.`)
    if (!Object.hasOwn(defaults, name))
      throw new TypeError(`A broker has no setting "${name}".${hint(name, Object.keys(defaults))}`)
    if (typeof value !== typeof defaults[name])
      throw new TypeError(`The setting ${name} is a ${typeof defaults[name]}, not ${typeof value}: ${String(value)}.`)
  }
  return settings
}
