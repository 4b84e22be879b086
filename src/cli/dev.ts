/** `gantry dev`: a whole cluster in one process, in memory unless a folder is named. Says where it is, then is quiet. */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Cluster from "../embedded/Cluster.ts"
import * as PeerAddress from "../infra/remoting/PeerAddress.ts"
import { makeNodeLog } from "../infra/telemetry/NodeLog.ts"
import { makeNodeWorld } from "../infra/world/NodeWorld.ts"
import { isAny, isLoopback } from "./brokerSettings.ts"
import type { Call } from "./Call.ts"
import { CliFault } from "./CliFault.ts"
import { serve } from "./serve.ts"
import { machineAddress } from "./server.ts"
import { version } from "./version.ts"

export const run = (call: Call): Promise<number> => {
  const host = call.text("host") ?? "127.0.0.1"
  const store = call.text("store")
  const options: Cluster.ClusterOptions = {
    advertisedHost: call.text("advertise") ?? (isAny(host) ? (machineAddress() ?? "127.0.0.1") : host),
    broker: { utcOffsetMinutes: -new Date().getTimezoneOffset() },
    brokerPort: call.integer("port", 0, 65_535) ?? 10_911,
    host,
    namesrvPort: call.integer("namesrv-port", 0, 65_535) ?? 9_876,
    processId: process.pid,
    store: store === undefined ? undefined : path.resolve(store),
  }
  const world = makeNodeWorld({ log: makeNodeLog({ level: call.flag("verbose") ? "info" : "warn" }) })
  return serve(
    Effect.gen(function* () {
      const cluster = yield* Cluster.make(options, world).pipe(Effect.mapError(explained))
      process.stdout.write(greeting(cluster, options))
      return yield* cluster.failure
    }),
  )
}

const flags = { broker: "--port", namesrv: "--namesrv-port" } as const
const titles = { broker: "the broker", namesrv: "the name server" } as const

const reasons: Readonly<Record<string, string>> = {
  AddressInUse: "is taken by another program. Stop that one, or",
  Denied: "may not be used by this user. To use another one,",
  NotFound: "cannot be listened on: this machine has no such address. Give --host one of its own, or",
}

/** A fault of ports, with the options that mend it. */
const explained = (error: Error): Error => {
  if (!(error instanceof Cluster.PortsTaken)) return error
  const sentences = error.problems.map(({ address, reason, which }) => {
    const why = reasons[reason] ?? `cannot be listened on (${reason}). To use another one,`
    const what = `Port ${address.port} on ${address.host} (${titles[which]})`
    return `${what} ${why} choose another port with ${flags[which]} (0 takes a free one).`
  })
  return new CliFault(sentences.join("\n"))
}

const greeting = (cluster: Cluster.Cluster, options: Cluster.ClusterOptions): string => {
  const { config } = cluster
  const namesrv = PeerAddress.print({ host: options.advertisedHost, port: cluster.namesrv.port })
  const told = PeerAddress.print(cluster.advertised)
  const mebibytes = Cluster.memory.logBytesMax / (1024 * 1024)
  const rows = [
    ["name server", PeerAddress.print(cluster.namesrv), `give clients ${namesrv}`],
    ["broker", PeerAddress.print(cluster.broker), `${config.brokerName}; clients are told ${told}`],
    options.store === undefined
      ? ["messages", "in memory", `the last ${mebibytes} MiB, until this ends; --store DIR keeps them`]
      : ["messages", "on disk", config.storePathRootDir],
  ]
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map((row) => `  ${row[0]!.padEnd(widths[0]!)}  ${row[1]!.padEnd(widths[1]!)}  ${row[2]}`)
  const open = isLoopback(options.host)
    ? ""
    : `  warning: whoever reaches ${options.host} can read, write and administer this cluster; nothing asks for a password.\n`
  const gantry = process.env["npm_lifecycle_event"] === "gantry" ? "npx -y pnpm@12 gantry" : "gantry"
  return `Gantry ${version()}: a RocketMQ cluster for development

${lines.join("\n")}
${open}
  Java   DefaultMQProducer producer = new DefaultMQProducer("my-producers");
         producer.setNamesrvAddr("${namesrv}");
         producer.start();
         producer.send(new Message("orders", "hello".getBytes()));

  Node   import { Gantry } from "gantry-mq"
         const gantry = new Gantry({ namesrvAddr: "${namesrv}" })
         await gantry.producer().send({ topic: "orders", body: "hello" })
         await gantry.close()

  shell  ${gantry} produce orders hello${portHint(cluster)}
         ${gantry} consume orders${portHint(cluster)}

Topics appear with their first message. Ctrl-C stops.
`
}

/** Commands look for the name server on its usual port. */
const portHint = (cluster: Cluster.Cluster): string =>
  cluster.namesrv.port === 9876 ? "" : ` -n 127.0.0.1:${cluster.namesrv.port}`
