import { SimProcess } from "../sim/SimProcess.ts"
import { Sim } from "../sim/Sim.ts"
import { suite } from "./Network.contract.ts"
import { SimNetwork } from "./SimNetwork.ts"
import { fairWeather, foulWeather, type Weather } from "./Weather.ts"

const makeNetwork = (sim: Sim, weather: Weather): SimNetwork =>
  new SimNetwork({
    later: (delayMs, run) => sim.after(delayMs, run),
    nowMs: () => sim.nowMs,
    random: sim.random.fork(),
    record: (what, value, bytes) => sim.record(what, value, bytes),
    weather,
  })

const weathers: Readonly<Record<string, Weather>> = {
  fair: fairWeather,
  foul: { ...foulWeather, breakChance: 0 },
  narrow: { ...fairWeather, highWaterBytes: 100, segmentBytesMax: 7000, windowBytes: 8000 },
}

for (const [name, weather] of Object.entries(weathers)) {
  for (const seed of [1, 2, 3]) {
    suite(`SimNetwork, ${name} weather, seed ${seed}`, () => {
      const sim = new Sim(seed)
      const network = makeNetwork(sim, weather)
      const server = new SimProcess(sim, "server")
      const client = new SimProcess(sim, "client")
      return {
        address: { host: "10.0.0.1", port: 0 },
        client: network.host("10.0.0.2", (run) => client.enter(run)),
        idle: async () => sim.runFor(1),
        server: network.host("10.0.0.1", (run) => server.enter(run)),
        wait: async (done) => {
          if (!sim.runUntil(done, 600_000)) throw new Error("the network never did it")
        },
      }
    })
  }
}
