/**
 * One store folder, opened in turn by the servers under test and by Apache RocketMQ. Each must serve what the others
 * wrote, keep topics, groups, offsets and delayed messages as they were, and write on; after a clean stop and after a kill.
 */
import { mkdirSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import type * as Java from "./java.ts"
import * as Cluster from "./cluster.ts"
import * as Driver from "./driver.ts"
import type { Properties, Servers } from "./servers.ts"

/**
 * Small enough that the log, the queues and the index go over several files. An index file spans several segments of the
 * log, as it does by default: after a kill Apache throws away the one that is not full and fills it again from where the
 * checkpoint lets its recovery begin, so the checkpoint must not be ahead of the full ones.
 */
const smallFiles: Properties = {
  mappedFileSizeCommitLog: 1_048_576,
  mappedFileSizeConsumeQueue: 6_000,
  maxHashSlotNum: 100,
  maxIndexNum: 8_000,
  maxMessageSize: 32_768,
  flushConsumerOffsetInterval: 500,
  flushDelayOffsetInterval: 500,
  transactionTimeOut: 1000,
  // Apache asks about a committed transaction again, and delivers it again, as long as its op message is not written.
  transactionOpBatchInterval: 200,
  transactionCheckInterval: 2000,
  // Each broker asks in vain until a producer has come.
  transactionCheckMax: 100,
}

/** Only what the store knows exists: a topic or group that got lost is refused. */
const known: Properties = { autoCreateTopicEnable: false, autoCreateSubscriptionGroup: false }

/** Apache's broker trusts only records whose checksum property is right, so it checks ours. */
const distrustful: Properties = { enabledAppendPropCRC: true, forceVerifyPropCRC: true }

/** More stands beside the queue entries, in small files too. */
export const extended: Properties = {
  enableCalcFilterBitMap: true,
  enableConsumeQueueExt: true,
  enablePropertyFilter: true,
  mappedFileSizeConsumeQueueExt: 65_536,
}

const none = () => Promise.reject(new Error("this step asks for nothing"))

export const run = async (
  java: Java.Java,
  subject: Servers,
  apache: Servers,
  folder: string,
  report: (outcome: Driver.Outcome) => void,
  name = "store",
  more: Properties = {},
): Promise<void> => {
  mkdirSync(folder, { recursive: true })
  const strict = { ...smallFiles, ...more, ...known }
  const cluster = await Cluster.start(subject, folder, { ...smallFiles, ...more })
  const spec = { version: "5.5.0", serialization: "JSON", oldSends: false } as const
  const driver = Driver.start(java, spec, subject, cluster.nameServerPort, folder)

  /** Runs one step; what it asks for is the broker's death, and then `next` takes over. Answers whether it went well. */
  const step = async (title: string, scenario: string, next: () => Promise<void>): Promise<boolean> => {
    const outcome = await driver.run(scenario, next)
    report({ ...outcome, scenario: title })
    return outcome.ok
  }
  const trusts = subject.checksums ? { ...strict, ...distrustful } : strict
  const guest = (how: "stop" | "kill") => () => cluster.replaceBroker(how, apache, trusts)
  const host = (how: "stop" | "kill") => () => cluster.replaceBroker(how, subject, strict)

  const steps = async (): Promise<boolean> => {
    if (!(await step(`${name}: cluster-known`, "cluster-known", none))) return false
    if (!(await step(`${name}: ${subject.make} fills it`, "store-fill", none))) return false
    await guest("stop")()
    if (!(await step(`${name}: Apache opens it after a clean stop of ${subject.make}`, "store-visit", none)))
      return false
    await host("stop")()
    if (!(await step(`${name}: ${subject.make} opens it after a clean stop of Apache`, "store-visit", none)))
      return false
    await sleep(subject.offsetsAtRiskMs)
    if (!(await step(`${name}: ${subject.make} is killed while it writes`, "store-flood", guest("kill")))) return false
    if (!(await step(`${name}: Apache opens it after the kill of ${subject.make}`, "store-visit", none))) return false
    await sleep(apache.offsetsAtRiskMs)
    if (!(await step(`${name}: Apache is killed while it writes`, "store-flood", host("kill")))) return false
    return step(`${name}: ${subject.make} opens it after the kill of Apache`, "store-visit", none)
  }
  try {
    await steps()
    await cluster.stop()
  } finally {
    await driver.close()
  }
}
