/**
 * Tests of applications against a simulated cluster: virtual time, crashes, power cuts, partitions, and checks that
 * nothing that was acknowledged got lost.
 *
 *   await simulate(7, async (sim) => {
 *     const producer = sim.client().producer()
 *     await producer.send({ topic: "orders", body: "hello" })
 *     sim.broker.powerCut()
 *     await sim.broker.restart()
 *   })
 */
import { Simulation, type SimulationOptions, type SimulationResult } from "./Simulation.ts"

export type { Weather } from "../infra/network/Weather.ts"
export { fairWeather, foulWeather } from "../infra/network/Weather.ts"
export type { LogLine } from "../infra/world/SimWorld.ts"
export type { Settings } from "../embedded/settings.ts"
export type { TopicOptions } from "../embedded/topics.ts"
export { ClientMachine, Machine, ServerMachine, type Survival } from "./Machine.ts"
export { Simulation, type SimulationOptions, type SimulationResult } from "./Simulation.ts"

/**
 * Runs a scenario on a simulated cluster. Rejects with the scenario's own error, or with the promises that the cluster
 * broke; the message tells the seed.
 */
export const simulate = (
  seed: number,
  scenario: (simulation: Simulation) => Promise<void>,
  options: SimulationOptions = {},
): Promise<SimulationResult> => new Simulation(seed, options).run(scenario)
