/** The command table: all that help, suggestions and the parser know. Each command's code is loaded when it is chosen. */
import type { Command, Option, Options } from "./Command.ts"

const namesrv: Option = {
  help: "where the name servers are (NAMESRV_ADDR, or else 127.0.0.1:9876)",
  short: "n",
  value: "ADDRESSES",
}

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
  {
    details: `Without BODY each line of standard input is a message. Prints for each message where it was stored; the exit code is 0
when every one of them is on disk.

  gantry produce orders '{"id": 7}' --tag created --key 7
  gantry produce orders --property region=eu < bodies.txt
  gantry produce orders hello --count 1000 --quiet`,
    load: () => import("./produce.ts"),
    name: "produce",
    operands: "TOPIC [BODY]",
    operandsMax: 2,
    operandsMin: 1,
    options: {
      count: { help: "send each body so many times", value: "NUMBER" },
      "delay-level": { help: "deliver later: 1 is 1 s, 4 is 30 s, 18 is 2 h", value: "NUMBER" },
      key: { help: "a key to find the message by; may be repeated", many: true, value: "KEY" },
      namesrv,
      property: { help: "a property of the message; may be repeated", many: true, short: "p", value: "NAME=VALUE" },
      quiet: { help: "print no line for each message", short: "q" },
      tag: { help: "the tag that consumers filter by", value: "TAG" },
    },
    summary: "send messages",
  },
  {
    details: `Prints what the topic holds, oldest first, and ends; --follow goes on until Ctrl-C, --timeout until nothing came for so
long. Without --group it looks on and changes nothing. With --group it starts where the group stands (--from counts for
a group that was never here) and commits what it printed. The exit code is 1 when --max messages did not come.

  gantry consume orders
  gantry consume orders --from 10m --tag "created || paid" --follow
  gantry consume orders --group billing --max 1 --timeout 5 -o json`,
    load: () => import("./consume.ts"),
    name: "consume",
    operands: "TOPIC",
    operandsMax: 1,
    operandsMin: 1,
    options: {
      follow: { help: "wait for further messages", short: "f" },
      from: { help: "first (the default), last, a time (2026-01-31T08:00) or an age (10m)", value: "WHERE" },
      group: { help: "consume for this group", short: "g", value: "GROUP" },
      max: { help: "end after so many messages", value: "NUMBER" },
      namesrv,
      output: { help: "text (the default) or json, an object a line", short: "o", value: "FORM" },
      sql: { help: "only what meets a condition: \"price > 5 AND region = 'north'\"", value: "CONDITION" },
      tag: { help: 'only these tags: "A || B"', value: "TAGS" },
      timeout: { help: "wait for further messages, and end when none came for so long", value: "SECONDS" },
    },
    summary: "print messages",
  },
  {
    details: `The broker must be stopped. verify and dump only read; repair shows what it would do, and changes nothing without --yes.

verify  reads everything: checksums and places of records, every entry of queues and index, snapshots, names of files
dump    prints messages in the order of the log, also those of deleted topics, and those behind rotten places
repair  puts fillers where records are lost, rebuilds queues and index, and keeps what it takes away in DIR/lost+found;
        what was lost stays lost: restore a backup or copy a replica instead, if there is one

Sizes are taken from the files; those of the index, and delay levels, only settings tell, if they are not the defaults.
The exit code is 0 when the store is whole, 1 when there are problems, 2 when it could not be looked at.

  gantry store verify /var/lib/gantry -c conf/broker.conf
  gantry store dump /var/lib/gantry --topic orders --queue 0 --from 1000 --max 10 -o json
  gantry store repair /var/lib/gantry --set maxHashSlotNum=5000000 --set maxIndexNum=20000000 --yes`,
    load: () => import("./store.ts"),
    name: "store",
    operands: "verify|dump|repair DIR",
    operandsMax: 2,
    operandsMin: 2,
    options: {
      config: { help: "read sizes from the broker's property file", short: "c", value: "FILE" },
      from: { help: "dump: first queue offset, with --topic; else first byte of the log", value: "NUMBER" },
      max: { help: "dump: end after so many messages", value: "NUMBER" },
      output: { help: "verify, dump: text (the default) or json, an object a line", short: "o", value: "FORM" },
      queue: { help: "dump: only this queue of the topic", value: "NUMBER" },
      set: { help: "one size, over those of the file; may be repeated", many: true, value: "NAME=VALUE" },
      topic: { help: "dump: only this topic", value: "TOPIC" },
      yes: { help: "repair: do it", short: "y" },
    },
    summary: "check, show or repair the folder of a stopped broker",
  },
  {
    details: "",
    isFamily: true,
    load: () => import("./admin.ts"),
    name: "admin",
    operands: "COMMAND [OPTIONS]",
    operandsMax: Number.POSITIVE_INFINITY,
    operandsMin: 1,
    options: {},
    summary: "what RocketMQ's mqadmin does: topics, groups, offsets, messages, brokers",
  },
  {
    details: `Looks at Node, memory and open files of this machine; at the settings, ports, advertised address and store folder of the
broker that -c describes, or of one without settings; at the name servers, the brokers that they name, and their
clocks. Changes nothing. The exit code is 1 when there is a problem.

  gantry doctor
  gantry doctor -c conf/broker.conf
  gantry doctor -n 10.0.0.1:9876 -o json`,
    load: () => import("./doctor.ts"),
    name: "doctor",
    operands: "",
    operandsMax: 0,
    operandsMin: 0,
    options: {
      config: { help: "the broker's settings, from a RocketMQ property file", short: "c", value: "FILE" },
      namesrv,
      output: { help: "table (the default) or json", short: "o", value: "FORM" },
      set: { help: "one setting, over those of the file; may be repeated", many: true, value: "NAME=VALUE" },
    },
    summary: "say what is wrong with this machine, a broker's settings, a cluster",
  },
]
