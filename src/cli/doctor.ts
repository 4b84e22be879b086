/**
 * `gantry doctor`: looks for what goes wrong in the first five minutes, and says what to do about it. It changes
 * nothing: the one file that it writes, to time the disk, is gone when it ends. The exit code is 1 when there is a problem.
 */
import { readFileSync, statSync } from "node:fs"
import * as path from "node:path"
import * as os from "node:os"
import { fileURLToPath } from "node:url"
import * as PeerAddress from "../infra/remoting/PeerAddress.ts"
import { visible } from "./admin/Output.ts"
import { readBroker } from "./brokerSettings.ts"
import type { Call } from "./Call.ts"
import { ClusterClient } from "./ClusterClient.ts"
import { address, inContainer, theseCards } from "./doctor/address.ts"
import { cluster } from "./doctor/cluster.ts"
import { machine, thisMachine } from "./doctor/machine.ts"
import { ports } from "./doctor/ports.ts"
import { storeFolder } from "./doctor/storeFolder.ts"
import { type Verdict, problem, warning } from "./doctor/Verdict.ts"
import { entriesOf, machineAddress } from "./server.ts"

export const run = async (call: Call): Promise<number> => {
  const form = call.choice("output", ["table", "json"]) ?? "table"
  const { file, set } = entriesOf(call)
  const read = readBroker([...file, ...set], {
    address: machineAddress(),
    home: os.homedir(),
    hostName: os.hostname(),
    utcOffsetMinutes: -new Date().getTimezoneOffset(),
  })
  const config = { ...read.settings, storePathRootDir: path.resolve(read.settings.storePathRootDir) }
  const client = clientOf(call, config.namesrvAddr)
  try {
    const verdicts: ReadonlyArray<Verdict> = [
      ...read.problems.map((text) =>
        problem("settings", text, "Correct it: a broker with these settings does not start."),
      ),
      ...read.warnings.map((text) => warning("settings", text, "Nothing, if it is meant so.")),
      ...machine(facts(), config),
      address(config, { cards: theseCards(), isContainer: inContainer(), isGiven: read.given.has("brokerIP1") }),
      ...(await ports(client, config, read.given.size === 0)),
      ...(await storeFolder(config)),
      ...(await cluster(client)),
    ]
    process.stdout.write(form === "json" ? `${JSON.stringify(verdicts)}\n` : print(verdicts))
    return verdicts.some(({ verdict }) => verdict === "problem") ? 1 : 0
  } finally {
    client.close()
  }
}

/** Option before environment before file before default. */
const clientOf = (call: Call, fromFile: string): ClusterClient => {
  const isElsewhere = call.text("namesrv") !== undefined || process.env["NAMESRV_ADDR"] !== undefined
  if (isElsewhere || fromFile === "") return ClusterClient.of(call)
  const addresses = PeerAddress.parseList(fromFile)
  if ("illegal" in addresses || addresses.length === 0)
    throw call.refusal(`namesrvAddr=${fromFile} of the settings is not host:port;host:port.`)
  return new ClusterClient(addresses)
}

const facts = () => {
  const manifest = fileURLToPath(new URL("../../package.json", import.meta.url))
  const { engines } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly engines: { readonly node: string } }
  return thisMachine(engines.node, statSync(manifest).mtimeMs)
}

/** A line for each, what to do below it, and the sum. */
export const print = (verdicts: ReadonlyArray<Verdict>): string => {
  const width = Math.max(...verdicts.map(({ check }) => check.length))
  const lines = verdicts.map(({ advice, check, evidence, verdict }) => {
    const first = `${verdict.padEnd(7)}  ${check.padEnd(width)}  ${visible(evidence)}\n`
    return advice === undefined ? first : `${first}${" ".repeat(7 + 2 + width + 2)}${visible(advice)}\n`
  })
  const count = (kind: Verdict["verdict"]): number => verdicts.filter(({ verdict }) => verdict === kind).length
  const [problems, warnings] = [count("problem"), count("warning")]
  const sum =
    problems + warnings === 0
      ? count("unknown") === 0
        ? "All is well."
        : "All is well, as far as it can be told."
      : `${problems} ${problems === 1 ? "problem" : "problems"}, ${warnings} ${warnings === 1 ? "warning" : "warnings"}.`
  return `${lines.join("")}\n${sum}\n`
}
