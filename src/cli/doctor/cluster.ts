/** The cluster as a client sees it: name servers, the brokers that they name, and the brokers' clocks. */
import { Malformed } from "../../format/Malformed.ts"
import * as PropertyFile from "../../format/PropertyFile.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { ClusterInfo, KvTable } from "../../format/RouteData.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { RemotingError } from "../../infra/remoting/RemotingError.ts"
import { isLoopback } from "../brokerSettings.ts"
import { type ClusterClient, detailOf } from "../ClusterClient.ts"
import { type Verdict, ok, problem, unknown, warning } from "./Verdict.ts"

/** How long a server may take to answer the doctor, ms. */
const patienceMs = 3_000

export const cluster = async (client: ClusterClient): Promise<ReadonlyArray<Verdict>> => {
  const found = await Promise.all(client.nameServers.map((address) => nameServer(client, address)))
  const verdicts = found.map(({ verdict }) => verdict)
  const brokers = new Map<string, Broker>()
  for (const { brokers: known } of found) for (const broker of known) brokers.set(broker.text, broker)
  if (found.some(({ isOne }) => isOne) && brokers.size === 0)
    verdicts.push(
      warning(
        "brokers",
        "the name server knows no broker",
        "Start one: gantry broker -n ADDRESS, or gantry dev. It registers within a second.",
      ),
    )
  const looked = await Promise.all([...brokers.values()].map((broker) => lookAt(client, broker)))
  return [...verdicts, ...looked.flat()]
}

interface Broker {
  readonly name: string
  readonly id: number
  /** As the name server has it: what clients connect to. */
  readonly text: string
  /** The name server that says so. */
  readonly saidBy: Address
}

interface NameServer {
  readonly isOne: boolean
  readonly verdict: Verdict
  readonly brokers: ReadonlyArray<Broker>
}

const nameServer = async (client: ClusterClient, address: Address): Promise<NameServer> => {
  const at = PeerAddress.print(address)
  const none = { brokers: [], isOne: false } as const
  const answer = await client.ask(address, { code: RequestCode.GET_BROKER_CLUSTER_INFO }, patienceMs)
  if (answer instanceof RemotingError) {
    if (answer.reason === "ConnectFailed")
      return {
        ...none,
        verdict: problem(
          "name server",
          `${at} cannot be reached: ${detailOf(answer)}`,
          "Start one: gantry namesrv, or gantry dev. If it runs elsewhere: -n HOST:PORT, and let the firewall through.",
        ),
      }
    return {
      ...none,
      verdict: problem(
        "name server",
        `something at ${at} answers no request of RocketMQ: ${detailOf(answer)}`,
        "Check the port: a name server's is 9876.",
      ),
    }
  }
  const info = answer.code === ResponseCode.SUCCESS ? ClusterInfo.decode(answer.body) : undefined
  if (info === undefined || info instanceof Malformed)
    return {
      ...none,
      verdict: problem(
        "name server",
        `${at} is no name server, but perhaps a broker: it does not know clusters`,
        "Check the port: a name server's is 9876, a broker's 10911.",
      ),
    }
  const brokers = [...info.brokerAddrTable.values()].flatMap(({ brokerAddrs, brokerName }) =>
    [...brokerAddrs].map(([id, text]) => ({ id, name: brokerName, saidBy: address, text })),
  )
  const names = brokers.map(({ name, text }) => `${name} ${text}`).join(", ")
  return {
    brokers,
    isOne: true,
    verdict: ok("name server", `${at} answers${names === "" ? "" : ` and knows ${names}`}`),
  }
}

const lookAt = async (client: ClusterClient, broker: Broker): Promise<ReadonlyArray<Verdict>> => {
  const check = `broker ${broker.name}`
  const address = PeerAddress.parse(broker.text)
  if (address === undefined)
    return [problem(check, `it advertises "${broker.text}", which is no host:port`, "Set its brokerIP1.")]
  if (isLoopback(address.host) && !isLoopback(broker.saidBy.host))
    return [
      problem(
        check,
        `it advertises ${broker.text}, which every client takes for its own machine`,
        "Set its brokerIP1 (gantry dev: --advertise) to an address that clients reach.",
      ),
    ]
  const answer = await client.ask(address, { code: RequestCode.GET_BROKER_CONFIG }, patienceMs)
  if (answer instanceof RemotingError)
    return [
      problem(
        check,
        `it advertises ${broker.text}, and nothing can be reached there from here: ${detailOf(answer)}`,
        "Is it running? Behind Docker or NAT, or with a second network card, set its brokerIP1 (gantry dev: --advertise) to an address that clients reach.",
      ),
    ]
  if (answer.code !== ResponseCode.SUCCESS)
    return [unknown(check, `${broker.text} answers, and does not tell its name (${answer.remark ?? answer.code})`)]
  const name = PropertyFile.parse(answer.body.toString(), check).find((entry) => entry.name === "brokerName")?.value
  if (name !== undefined && name !== broker.name)
    return [
      problem(
        check,
        `it advertises ${broker.text}, and the broker there is ${name}`,
        `Two brokers advertise one address: set brokerIP1 or listenPort of one of them.`,
      ),
    ]
  return [ok(check, `answers at ${broker.text}, the address that it advertises`), await clock(client, broker, address)]
}

const warnMs = 5_000
const problemMs = 60_000

/** A broker tells when it started and for how long it has run, in whole seconds: together its time now. */
const clock = async (client: ClusterClient, broker: Broker, address: Address): Promise<Verdict> => {
  const check = `clock of ${broker.name}`
  const answer = await client.ask(address, { code: RequestCode.GET_BROKER_RUNTIME_INFO }, patienceMs)
  const info =
    answer instanceof RemotingError || answer.code !== ResponseCode.SUCCESS ? undefined : KvTable.decode(answer.body)
  const theirs = info === undefined || info instanceof Malformed ? undefined : nowOf(info.table)
  if (theirs === undefined) return unknown(check, "it does not tell for how long it has run")
  const offMs = theirs - Date.now()
  // Less than a second is in the answer's whole seconds.
  const evidence = `it is ${Math.round(Math.abs(offMs) / 1000)} s ${offMs > 0 ? "ahead of" : "behind"} this machine`
  const advice = "Keep both right by NTP: delays, retention and queries by time go by the broker's clock."
  if (Math.abs(offMs) > problemMs) return problem(check, evidence, advice)
  return Math.abs(offMs) > warnMs
    ? warning(check, evidence, advice)
    : ok(check, "agrees with this machine's, to a few seconds")
}

/** `bootTimestamp` in ms, and `runtime` as `[ 0 days, 1 hours, 2 minutes, 3 seconds ]`. */
const nowOf = (table: ReadonlyMap<string, string>): number | undefined => {
  const started = Number(table.get("bootTimestamp") ?? Number.NaN)
  const [, days, hours, minutes, seconds] =
    /(\d+) days?, (\d+) hours?, (\d+) minutes?, (\d+) seconds?/.exec(table.get("runtime") ?? "") ?? []
  if (!Number.isFinite(started) || seconds === undefined) return undefined
  return started + (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
}
