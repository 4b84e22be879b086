/** Messages by key and by id: QUERY_MESSAGE (12) and VIEW_MESSAGE_BY_ID (33). */
import type { Command } from "../../format/Command.ts"
import { indexKeyHash } from "../../format/IndexFile.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as Format from "../../format/PullMessage.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import type { Call } from "../../infra/remoting/Call.ts"
import { answerMalformed, type BrokerState } from "./BrokerState.ts"

/** RocketMQ's defaultQueryMaxNum: what a query by unique key looks through. */
const uniqueKeyMax = 32

export class QueryHandlers {
  readonly #state: BrokerState

  constructor(state: BrokerState) {
    this.#state = state
  }

  readonly byKey = (command: Command, call: Call): void => {
    const header = Format.QueryMessage.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const { config, store } = this.#state
    const isUnique = String(command.ext["_UNIQUE_KEY_QUERY"]) === "true"
    const countMax = isUnique ? uniqueKeyMax : Math.min(Math.max(0, header.maxNum), config.maxMsgsNumBatch)
    const key = header.indexType === "T" ? `T#${header.key}` : header.key
    const hash = indexKeyHash(`${header.topic}#${key}`)
    const offsets = [...store.index.find(hash, countMax, header.beginTimestamp, header.endTimestamp)].toSorted(
      (a, b) => a - b,
    )
    const bodies: Array<Buffer> = []
    const next = (): void => {
      const offset = offsets.shift()
      if (offset !== undefined) {
        return store.lookAt(offset, (message) => {
          // The index keeps hashes: a record of another topic is a collision.
          if (message !== undefined && message.topic === header.topic) bodies.push(StoredMessage.encode(message))
          next()
        })
      }
      if (bodies.length === 0)
        return call.answer({
          code: ResponseCode.QUERY_NOT_FOUND,
          ext: { indexLastUpdatePhyoffset: 0, indexLastUpdateTimestamp: 0 },
          remark: `can not find message, maybe time range not correct: no message of topic[${header.topic}] has key ${header.key} in it`,
        })
      call.answer({
        body: bodies,
        code: ResponseCode.SUCCESS,
        ext: {
          indexLastUpdatePhyoffset: Math.max(0, store.index.endOffset),
          indexLastUpdateTimestamp: store.index.endTimestamp,
        },
      })
    }
    next()
  }

  readonly byId = (command: Command, call: Call): void => {
    const header = Format.ViewMessage.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    this.#state.store.lookAt(header.offset, (message) => {
      if (message === undefined)
        return call.answer({
          code: ResponseCode.SYSTEM_ERROR,
          remark: `can not find message by the offset, ${header.offset}: no message begins there, or retention deleted it`,
        })
      call.answer({ body: StoredMessage.encode(message), code: ResponseCode.SUCCESS })
    })
  }
}
