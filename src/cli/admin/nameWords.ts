/** The commands about name servers, in words. */
import type { AdminWords } from "./AdminWords.ts"

const namespace = { help: "the namespace", required: true, short: "s", value: "NAME" } as const
const key = { help: "the key", required: true, short: "k", value: "KEY" } as const
const value = { help: "the value", required: true, short: "v", value: "VALUE" } as const
const brokerName = { help: "the broker", required: true, short: "b", value: "BROKER" } as const

export const nameCommands: ReadonlyArray<AdminWords> = [
  {
    examples: ["getNamesrvConfig -n '127.0.0.1:9876;127.0.0.2:9876'"],
    name: "getNamesrvConfig",
    options: {},
    summary: "the settings of the name servers",
  },
  {
    details:
      "Gantry's name servers refuse it: nobody is authenticated. Change the settings where the name server is started.",
    examples: ["updateNamesrvConfig -k orderMessageEnable -v true"],
    name: "updateNamesrvConfig",
    options: { key, value },
    summary: "change a setting of the name servers",
  },
  {
    examples: ["updateKvConfig -s my-namespace -k key -v value"],
    name: "updateKvConfig",
    options: { key, namespace, value },
    summary: "keep a value in the name servers",
  },
  {
    examples: ["deleteKvConfig -s my-namespace -k key"],
    name: "deleteKvConfig",
    options: { key, namespace },
    summary: "delete a value from the name servers",
  },
  {
    examples: ["wipeWritePerm -b broker-a"],
    name: "wipeWritePerm",
    options: { brokerName },
    summary: "producers are told to leave a broker out, until addWritePerm",
  },
  {
    examples: ["addWritePerm -b broker-a"],
    name: "addWritePerm",
    options: { brokerName },
    summary: "producers are told of a broker again",
  },
]
