/** Reads a queue as it is: nobody's offset moves, no group is joined. */
import * as Result from "effect/Result"
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import * as Subscription from "../../domain/Subscription.ts"
import type { Message } from "../Message.ts"
import { promiseOf } from "../promises.ts"
import { type Fetched, fetch } from "./fetch.ts"
import type { Instance } from "./Instance.ts"
import { maxOffset, minOffset, searchOffset } from "./startOffsets.ts"

/** The group of reads that belong to none; RocketMQ has it everywhere. */
const toolGroup = "TOOLS_CONSUMER"
const countMax = 32

/** What lies in a queue now and was stored at `beginMs` or later, before `endMs`, oldest first. */
export async function* readQueue(
  instance: Instance,
  queue: MessageQueue,
  beginMs: number | undefined,
  endMs = Number.POSITIVE_INFINITY,
): AsyncGenerator<Message> {
  const end = await promiseOf<number>((done) => maxOffset(instance, queue, done))
  let offset = await promiseOf<number>((done) =>
    beginMs === undefined ? minOffset(instance, queue, done) : searchOffset(instance, queue, beginMs, done),
  )
  const subscription = Result.getOrThrow(Subscription.parse(queue.topic, Subscription.subscribeAll))
  while (offset < end) {
    const asked = { countMax, group: toolGroup, holdMs: 0, offset, queue, subscription }
    const fetched = await promiseOf<Fetched>((done) => fetch(instance, asked, done))
    for (const message of fetched.messages) {
      if (message.queueOffset >= end || message.storeTimestamp >= endMs) return
      yield message
    }
    if (fetched.nextOffset <= offset) return
    offset = fetched.nextOffset
  }
}
