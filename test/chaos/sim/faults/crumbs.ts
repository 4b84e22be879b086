import { fairWeather } from "../../../../src/infra/network/Weather.ts"
import type { Fault } from "./Fault.ts"

/** The whole network delivers in pieces of a few bytes, cut and joined at random. */
export const crumbs: Fault = {
  name: "crumbs",
  strike: (cluster, random) => {
    const { network } = cluster.world
    const segmentBytesMax = 1 + random.below(40)
    network.weather = { ...fairWeather, segmentBytesMax, splitChance: 0.9 }
    return {
      end: () => {
        network.weather = fairWeather
      },
      forMs: random.between(200, 3000),
      what: `everywhere, at most ${segmentBytesMax} bytes at once`,
    }
  },
}
