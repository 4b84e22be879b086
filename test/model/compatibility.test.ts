/** docs/compatibility.md tells which requests are served. This asks running servers for every code that there is. */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import * as Cluster from "../../src/embedded/Cluster.ts"
import { RequestCode, requestCodeName } from "../../src/format/RequestCode.ts"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import type { Address } from "../../src/infra/network/Network.ts"
import { RemotingClient } from "../../src/infra/remoting/RemotingClient.ts"
import { ask } from "../../src/infra/remoting/RemotingEffect.ts"
import { silent } from "../../src/infra/telemetry/Log.ts"
import { makeNodeWorld } from "../../src/infra/world/NodeWorld.ts"

const text = fs.readFileSync(path.join(import.meta.dirname, "../../docs/compatibility.md"), "utf8")

/** The rows of the table below a heading: code and name. */
const documented = (heading: string): ReadonlyArray<readonly [number, string]> => {
  const section = text.split(`\n## ${heading}\n`)[1]!.split("\n## ")[0]!
  return [...section.matchAll(/^\| (\d+) \| (\w+) \|/gm)].map(([, code, name]) => [Number(code), name!])
}

/** The codes that a server answers with anything but "not supported", when it is asked without parameters. */
const served = (client: RemotingClient, address: Address) =>
  Effect.forEach(Object.values(RequestCode), (code) =>
    Effect.map(ask(client, address, { code }, 30_000), (answer) =>
      answer.code === ResponseCode.REQUEST_CODE_NOT_SUPPORTED ? [] : [[code, requestCodeName(code)] as const],
    ),
  ).pipe(Effect.map((found) => found.flat()))

it("says of every request code what becomes of it, once for each server", () => {
  const [broker, namesrv, nobody] = [
    "Requests to a broker",
    "Requests to a name server",
    "Requests that no server answers",
  ].map((heading) => documented(heading).map(([code, name]) => `${code} ${name}`))
  const served = new Set([...broker!, ...namesrv!])
  const all = Object.entries(RequestCode).map(([name, code]) => `${code} ${name}`)
  expect(nobody).toEqual(all.filter((one) => !served.has(one)))
})

it("lists exactly the requests that are served", async () => {
  const world = makeNodeWorld({ log: silent })
  const asked = Effect.gen(function* () {
    const cluster = yield* Cluster.make(
      {
        advertisedHost: "127.0.0.1",
        brokerPort: 0,
        host: "127.0.0.1",
        namesrvPort: 0,
        processId: process.pid,
        store: undefined,
      },
      world,
    )
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => new RemotingClient(world)),
      (opened) => Effect.sync(() => opened.close()),
    )
    return { broker: yield* served(client, cluster.broker), namesrv: yield* served(client, cluster.namesrv) }
  })
  const { broker, namesrv } = await Effect.runPromise(Effect.scoped(asked))
  expect(documented("Requests to a broker")).toEqual(broker)
  expect(documented("Requests to a name server")).toEqual(namesrv)
})
