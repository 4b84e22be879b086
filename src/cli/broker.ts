/** `gantry broker`: a broker, set up as an operator of RocketMQ sets one up. */
import * as os from "node:os"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import type { Address } from "../infra/network/Network.ts"
import * as PeerAddress from "../infra/remoting/PeerAddress.ts"
import type { LogLevel } from "../infra/telemetry/Log.ts"
import { makeNodeLog } from "../infra/telemetry/NodeLog.ts"
import { makeNodeWorld } from "../infra/world/NodeWorld.ts"
import type { World } from "../infra/world/World.ts"
import * as Broker from "../node/broker/Broker.ts"
import type { BrokerConfig } from "../node/broker/BrokerConfig.ts"
import { type Machine, readBroker } from "./brokerSettings.ts"
import type { Call } from "./Call.ts"
import { serve } from "./serve.ts"
import { entriesOf, machineAddress, settled } from "./server.ts"
import { print } from "./settings.ts"

export const run = async (call: Call): Promise<number> => {
  const config = configOf(call)
  if (call.flag("print-config")) {
    process.stdout.write(print(config))
    return 0
  }
  const world = makeNodeWorld({ log: makeNodeLog({ level: config.logLevel as LogLevel }) })
  return serve(
    Effect.gen(function* () {
      const { address, failure } = yield* Broker.make(config, world, process.pid)
      const told = PeerAddress.print({ host: config.brokerIP1, port: address.port })
      const listens = PeerAddress.print(address)
      process.stdout.write(
        `The broker ${config.brokerName} is ready on ${listens}${told === listens ? "" : `; clients are told ${told}`}\n`,
      )
      if (config.namesrvAddr === "")
        world.log.warn(
          "no name server is set (-n, NAMESRV_ADDR, namesrvAddr): clients that ask one do not find this broker",
        )
      if (told !== listens) warnIfUnreachable(world, { host: config.brokerIP1, port: address.port })
      return yield* failure
    }),
  )
}

/** Behind Docker or a second network card a broker easily advertises an address that nobody reaches; so it tries. */
const warnIfUnreachable = (world: World, told: Address): void => {
  world.network.connect(
    told,
    5_000,
    (connection) => {
      connection.destroy()
      return { onClose: () => {}, onData: () => {}, onDrain: () => {} }
    },
    (error) =>
      world.log.warn(
        `clients are told ${PeerAddress.print(told)} (brokerIP1), and from here nothing can be reached there: ${error.reason}. If that address is not forwarded to this broker from outside, set brokerIP1 and bindAddress to one that is the machine's`,
      ),
  )
}

const configOf = (call: Call): BrokerConfig => {
  const { file, set } = entriesOf(call)
  const environment = process.env["NAMESRV_ADDR"]
  const namesrv = call.text("namesrv")
  const config = settled(
    readBroker(
      [
        ...file,
        ...(environment === undefined ? [] : [{ from: "NAMESRV_ADDR", name: "namesrvAddr", value: environment }]),
        ...set,
        ...(namesrv === undefined ? [] : [{ from: "-n", name: "namesrvAddr", value: namesrv }]),
      ],
      machine(),
    ),
  )
  return { ...config, storePathRootDir: path.resolve(config.storePathRootDir) }
}

const machine = (): Machine => ({
  address: machineAddress(),
  home: os.homedir(),
  hostName: os.hostname(),
  utcOffsetMinutes: -new Date().getTimezoneOffset(),
})
