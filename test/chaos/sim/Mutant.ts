/** A bug on purpose. A checker that does not find the one it is there for is not trusted. */
import type { World } from "../../../src/infra/world/World.ts"
import type { Broker } from "../../../src/node/broker/Broker.ts"
import type { Fixed } from "./Settings.ts"

export interface Mutant {
  readonly name: string
  /** The checker that must find it. */
  readonly foundBy: string
  /** Faults without which it does not show. */
  readonly needs?: ReadonlyArray<string>
  /** Settings without which it does not show. */
  readonly settings?: Fixed
  /** Changes the world that a broker is started in. */
  readonly world?: (world: World) => World
  /** Changes a broker that has just started. */
  readonly broker?: (broker: Broker) => void
}
