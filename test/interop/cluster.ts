/** One name server and one broker on one store folder, whose broker can go away and come back, even as another make. */
import { join } from "node:path"
import * as Processes from "./processes.ts"
import type { Properties, Servers } from "./servers.ts"

export interface Cluster {
  readonly nameServerPort: number
  /** Ends the broker by SIGTERM or by SIGKILL, and starts one of `servers` on the same port and the same store. */
  readonly replaceBroker: (how: "stop" | "kill", servers: Servers, properties: Properties) => Promise<void>
  /** Ends broker and name server; a server that does not stop cleanly is an error. */
  readonly stop: () => Promise<void>
}

export const start = async (servers: Servers, folder: string, properties: Properties): Promise<Cluster> => {
  const [nameServerPort, port] = [await Processes.freePort(), await Processes.freePort()]
  const startBroker = (make: Servers, settings: Properties) =>
    make.startBroker({
      folder: join(folder, "broker"),
      port,
      nameServerPort,
      storeFolder: join(folder, "store"),
      properties: settings,
    })
  const nameServer = await servers.startNameServer({ folder: join(folder, "namesrv"), port: nameServerPort })
  let broker = await startBroker(servers, properties)
  return {
    nameServerPort,
    replaceBroker: async (how, make, settings) => {
      await (how === "stop" ? Processes.stop(broker) : Processes.kill(broker))
      broker = await startBroker(make, settings)
    },
    stop: async () => {
      await Processes.stop(broker)
      await Processes.stop(nameServer)
    },
  }
}
