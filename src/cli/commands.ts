/** The command table: all that help, suggestions and the parser know. Each command's code is loaded when it is chosen. */
import type { Command, Options } from "./Command.ts"

const serverOptions: Options = {
  config: { help: "read settings from a RocketMQ property file", short: "c", value: "FILE" },
  set: { help: "one setting, over those of the file; may be repeated", many: true, value: "NAME=VALUE" },
  "print-config": { help: "print the settings that would be used, and end", short: "p" },
}

export const commands: ReadonlyArray<Command> = [
  {
    details: `Precedence of a setting: option, environment (NAMESRV_ADDR), file, default. Names and values are RocketMQ's.
Messages are kept in storePathRootDir ($HOME/store), in RocketMQ's files. A message is answered when it is on disk;
flushDiskType=ASYNC_FLUSH answers earlier, as RocketMQ does by default.

  gantry broker -c conf/broker.conf -n 10.0.0.1:9876
  gantry broker --set listenPort=20911 --set storePathRootDir=/var/lib/gantry`,
    load: () => import("./broker.ts"),
    name: "broker",
    operands: "",
    operandsMax: 0,
    operandsMin: 0,
    options: {
      ...serverOptions,
      namesrv: { help: 'where the name servers are: "host:port;host:port"', short: "n", value: "ADDRESSES" },
    },
    summary: "run a broker",
  },
  {
    details: `Clients ask it where topics live; brokers tell it. It listens on 127.0.0.1:9876 unless the settings say otherwise.

  gantry namesrv
  gantry namesrv -c conf/namesrv.conf --set bindAddress=0.0.0.0`,
    load: () => import("./namesrv.ts"),
    name: "namesrv",
    operands: "",
    operandsMax: 0,
    operandsMin: 0,
    options: serverOptions,
    summary: "run a name server",
  },
  {
    details: `Everything is in memory and gone at the end, unless --store names a folder. Topics and groups appear on first use.

  gantry dev
  gantry dev --store ./data
  gantry dev --namesrv-port 0 --port 0
  gantry dev --host 0.0.0.0 --advertise 192.168.1.20`,
    load: () => import("./dev.ts"),
    name: "dev",
    operands: "",
    operandsMax: 0,
    operandsMin: 0,
    options: {
      advertise: { help: "the address that clients are told, when it is not that of --host", value: "HOST" },
      host: { help: "listen on this address (127.0.0.1)", value: "HOST" },
      "namesrv-port": { help: "port of the name server (9876; 0 takes a free one)", value: "PORT" },
      port: { help: "port of the broker (10911; 0 takes a free one)", value: "PORT" },
      store: { help: "keep messages in this folder", value: "DIR" },
      verbose: { help: "say on standard error what happens", short: "v" },
    },
    summary: "run a whole cluster in one process, for development",
  },
]
