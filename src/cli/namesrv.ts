/** `gantry namesrv`: a name server, set up as an operator of RocketMQ sets one up. */
import * as os from "node:os"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as PeerAddress from "../infra/remoting/PeerAddress.ts"
import type { LogLevel } from "../infra/telemetry/Log.ts"
import { makeNodeLog } from "../infra/telemetry/NodeLog.ts"
import { makeNodeWorld } from "../infra/world/NodeWorld.ts"
import * as NameServer from "../node/nameserver/NameServer.ts"
import type { Call } from "./Call.ts"
import { readNamesrv } from "./namesrvSettings.ts"
import { serve } from "./serve.ts"
import { entriesOf, settled } from "./server.ts"
import { print } from "./settings.ts"

export const run = async (call: Call): Promise<number> => {
  const { file, set } = entriesOf(call)
  const read = settled(readNamesrv([...file, ...set], os.homedir()))
  const config = { ...read, kvConfigPath: path.resolve(read.kvConfigPath) }
  if (call.flag("print-config")) {
    process.stdout.write(print(config))
    return 0
  }
  const world = makeNodeWorld({ log: makeNodeLog({ level: config.logLevel as LogLevel }) })
  return serve(
    Effect.gen(function* () {
      const { address } = yield* NameServer.make(config, world)
      process.stdout.write(`The name server is ready on ${PeerAddress.print(address)}\n`)
      return yield* Effect.never
    }),
  )
}
