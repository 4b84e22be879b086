import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Gantry, type GantryOptions } from "gantry-mq"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"

const works = async (way: string, options: GantryOptions): Promise<void> => {
  await using gantry = new Gantry(options)
  const { status } = await gantry.producer().send({ topic: "ways", body: way })
  console.log(way, status)
}

// 1. In code. Several are joined by ";" or given as a list; the client goes on to the next when one does not answer.
await works("code", { namesrvAddr: [namesrvAddr] })

// 2. By RocketMQ's property: here, or as a variable of the process that is called the same.
await works("property", { properties: { "rocketmq.namesrv.addr": namesrvAddr } })

// 3. By the variable NAMESRV_ADDR.
process.env["NAMESRV_ADDR"] = namesrvAddr
await works("environment", {})
delete process.env["NAMESRV_ADDR"]

// 4. By a page, read again every two minutes: for clusters whose name servers move.
const page = createServer((_request, response) => void response.end(namesrvAddr)).listen(0, "127.0.0.1")
await new Promise((resolve) => page.once("listening", resolve))
await works("endpoint", { namesrvEndpoint: `http://127.0.0.1:${(page.address() as AddressInfo).port}/rocketmq/nsaddr` })
page.close()
