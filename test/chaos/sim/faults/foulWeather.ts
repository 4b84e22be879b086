import { fairWeather, foulWeather as foul } from "../../../../src/infra/network/Weather.ts"
import type { Fault } from "./Fault.ts"

/** The whole network is slow, uneven, and breaks connections. */
export const foulWeather: Fault = {
  name: "foulWeather",
  strike: (cluster, random) => {
    const { network } = cluster.world
    network.weather = { ...foul, breakChance: random.chance(0.3) ? 0.02 : foul.breakChance }
    return {
      end: () => {
        network.weather = fairWeather
      },
      forMs: random.between(1000, 20_000),
      what: "everywhere",
    }
  },
}
