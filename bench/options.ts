/** The options of `pnpm bench`. */

import { parseArgs } from "node:util"

export const contestantNames = ["apache", "gantry", "fake"] as const
export type ContestantName = (typeof contestantNames)[number]

export interface Options {
  readonly only: ReadonlyArray<ContestantName>
  readonly seconds: number
  readonly warmup: number
  readonly connections: number
  readonly outstanding: number
  readonly size: number
  readonly queues: number
  /** Messages in the two pull windows: the newest of the topic. */
  readonly tail: number
  readonly messages: number
  readonly repeat: number
  readonly heap: string
  readonly dir: string
  readonly json: string | undefined
}

export const help = `Usage: pnpm bench [options]

Measures Apache RocketMQ and Gantry side by side on this machine: one server at a time, the same load, the same disk.

  --only NAME         apache, gantry, or fake (a server that does nothing: the limit of the load generator itself);
                      may be given more than once                                          [apache and gantry]
  --seconds N         measured time of each rate                                           [10]
  --warmup N          seconds of the same load before it, half of that for pulls           [20]
  --connections N     connections of the load                                              [16]
  --outstanding N     unanswered sends per connection                                      [64]
  --size BYTES        body of a message                                                    [128]
  --queues N          queues of the topic                                                  [8]
  --tail N            newest messages that the first pull reads again and again            [100000]
  --messages N        newest messages that the second pull reads again and again           [1000000]
  --repeat N          rounds; the servers alternate: A B A B                               [1]
  --heap SIZE         -Xms and -Xmx of Apache's broker                                     [4g]
  --dir FOLDER        where the stores are put and removed again                           [.cache of the project]
  --json FILE         also write every figure of every round there
  --help              this text
`

const number = (name: string, text: string, least: number): number => {
  const value = Number(text)
  if (!Number.isFinite(value) || value < least) throw new Error(`--${name} ${text}: a number from ${least} is needed`)
  return value
}

const whole = (name: string, text: string): number => {
  const value = number(name, text, 1)
  if (!Number.isInteger(value)) throw new Error(`--${name} ${text}: a whole number is needed`)
  return value
}

const isContestant = (name: string): name is ContestantName => (contestantNames as ReadonlyArray<string>).includes(name)

/** Reads the command line; "help" when that is what is asked. Throws an Error that says which option is wrong. */
export const parse = (args: ReadonlyArray<string>, defaultDir: string): Options | "help" => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true, default: ["apache", "gantry"] },
      seconds: { type: "string", default: "10" },
      warmup: { type: "string", default: "20" },
      connections: { type: "string", default: "16" },
      outstanding: { type: "string", default: "64" },
      size: { type: "string", default: "128" },
      queues: { type: "string", default: "8" },
      tail: { type: "string", default: "100000" },
      messages: { type: "string", default: "1000000" },
      repeat: { type: "string", default: "1" },
      heap: { type: "string", default: "4g" },
      dir: { type: "string", default: defaultDir },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) return "help"
  const only = values.only.map((name) => {
    if (!isContestant(name)) throw new Error(`--only ${name}: one of ${contestantNames.join(", ")} is needed`)
    return name
  })
  if (!/^\d+[mg]$/.test(values.heap)) throw new Error(`--heap ${values.heap}: a size like 4g or 512m is needed`)
  return {
    only,
    seconds: whole("seconds", values.seconds),
    warmup: number("warmup", values.warmup, 0),
    connections: whole("connections", values.connections),
    outstanding: whole("outstanding", values.outstanding),
    size: whole("size", values.size),
    queues: whole("queues", values.queues),
    tail: whole("tail", values.tail),
    messages: whole("messages", values.messages),
    repeat: whole("repeat", values.repeat),
    heap: values.heap,
    dir: values.dir,
    json: values.json,
  }
}
