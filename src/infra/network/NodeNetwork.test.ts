import { setImmediate } from "node:timers/promises"
import { suite } from "./Network.contract.ts"
import { nodeNetwork } from "./NodeNetwork.ts"

const wait = async (done: () => boolean): Promise<void> => {
  while (!done()) await setImmediate()
}

suite("NodeNetwork", () => ({
  address: { host: "127.0.0.1", port: 0 },
  client: nodeNetwork,
  idle: () => setImmediate(),
  server: nodeNetwork,
  wait,
}))
