import { expect, it } from "vitest"
import * as NamesrvConfig from "./NamesrvConfig.ts"

const base = NamesrvConfig.defaults("/home/rocket")

it("has RocketMQ's defaults", () => {
  expect(base).toMatchObject({
    bindAddress: "0.0.0.0",
    kvConfigPath: "/home/rocket/namesrv/kvConfig.json",
    listenPort: 9876,
    scanNotActiveBrokerInterval: 5000,
  })
})

it("reads settings over the defaults and says which ones mean nothing here", () => {
  const settings = [
    ["listenPort", "9877"],
    ["orderMessageEnable", "true"],
    ["bindAddress", " 127.0.0.1 "],
    ["serverWorkerThreads", "8"],
  ] as const
  expect(NamesrvConfig.parse(settings, base)).toEqual({
    config: { ...base, bindAddress: "127.0.0.1", listenPort: 9877, orderMessageEnable: true },
    meaningless: ["serverWorkerThreads"],
    problems: [],
  })
})

it("reports every problem at once, with a hint where a name is nearly right", () => {
  const settings = [
    ["listenport", "9877"],
    ["listenPort", "70000"],
    ["enableTopicList", "yes"],
    ["scanNotActiveBrokerInterval", "-5"],
    ["kvConfigPath", ""],
    ["constructor", "x"],
  ] as const
  expect(NamesrvConfig.parse(settings, base).problems).toEqual([
    "listenport is not a setting of the name server. Did you mean listenPort?",
    "enableTopicList=yes is not true or false.",
    "scanNotActiveBrokerInterval=-5 is not a whole number.",
    "kvConfigPath= is not a text.",
    "constructor is not a setting of the name server.",
    "listenPort=70000 is beyond 65535.",
  ])
  expect(NamesrvConfig.parse([["scanNotActiveBrokerInterval", "0"]], base).problems).toEqual([
    "scanNotActiveBrokerInterval must be at least 1 ms.",
  ])
})

it("prints what it reads", () => {
  const settings = NamesrvConfig.print(base)
    .trim()
    .split("\n")
    .map((line) => line.split("=") as [string, string])
  expect(NamesrvConfig.parse(settings, base)).toEqual({ config: base, meaningless: [], problems: [] })
  expect(settings.map(([name]) => name)).toEqual(Object.keys(base).toSorted())
})
