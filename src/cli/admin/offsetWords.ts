/** The commands that move consumer offsets, in words. */
import type { AdminWords } from "./AdminWords.ts"
import { cluster, number, topic, trueOrFalse } from "./common.ts"

const group = { help: "the consumer group", required: true, short: "g", value: "GROUP" } as const
const force = trueOrFalse("taken because mqadmin has it: forwards is allowed (true)", "f")

export const offsetCommands: ReadonlyArray<AdminWords> = [
  {
    details: `TIME is now, ms since 1970, 2026-01-31#08:00:00:000, 2026-01-31T08:00, an age such as 10m, or -1: the end.
Consumers that are connected go on from there.`,
    examples: [
      "resetOffsetByTime -g billing -t orders -s 2026-01-31#08:00:00:000",
      "resetOffsetByTime -g billing -t orders -s -1 -b 127.0.0.1:10911 -q 3 -o 1200",
    ],
    name: "resetOffsetByTime",
    options: {
      broker: { help: "only on this broker", short: "b", value: "HOST:PORT" },
      cluster,
      force,
      group,
      offset: number("to this offset instead of a time; needs --broker and --queue", "o"),
      queue: number("only this queue; needs --broker", "q"),
      timestamp: { help: "to the first message stored then or later", required: true, short: "s", value: "TIME" },
      topic,
    },
    summary: "move a group to a time",
  },
  {
    examples: ["skipAccumulatedMessage -g billing -t orders"],
    name: "skipAccumulatedMessage",
    options: { cluster, force, group, topic },
    summary: "move a group to the end: what it has not consumed is skipped",
  },
  {
    details: `The group that is copied to must exist, and none of its clients should be connected: they would go on from where they
are.`,
    examples: ["cloneGroupOffset -s billing -d audit -t orders"],
    name: "cloneGroupOffset",
    options: {
      destGroup: { help: "the group that is moved", required: true, short: "d", value: "GROUP" },
      offline: trueOrFalse("taken because mqadmin has it", "o"),
      srcGroup: { help: "the group whose offsets are copied", required: true, short: "s", value: "GROUP" },
      topic,
    },
    summary: "give a group the offsets of another",
  },
]
