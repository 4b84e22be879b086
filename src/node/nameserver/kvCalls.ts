/** The key-value configuration over the wire; a change is answered when it is durable. Source: spec wire §10.6. */
import * as NameServerHeaders from "../../format/NameServer.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import * as RouteData from "../../format/RouteData.ts"
import type { Call } from "../../infra/remoting/Call.ts"
import type { Handler } from "../../infra/remoting/Hub.ts"
import { failed, success, typed } from "../../infra/remoting/TypedHandler.ts"
import type { Done } from "./KvStore.ts"
import type { NamesrvState } from "./NamesrvState.ts"

export const kvCalls = (state: NamesrvState): ReadonlyArray<readonly [number, Handler]> => [
  [RequestCode.PUT_KV_CONFIG, put(state)],
  [RequestCode.GET_KV_CONFIG, get(state)],
  [RequestCode.DELETE_KV_CONFIG, remove(state)],
  [RequestCode.GET_KVLIST_BY_NAMESPACE, list(state)],
]

const answerWhenDurable =
  (state: NamesrvState, call: Call): Done =>
  (error) => {
    if (error !== undefined) state.world.log.error("key-value configuration not written", { error })
    call.answer(error === undefined ? success : failed(`not written: ${error.message}`))
  }

const put = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.PutKvConfig, ({ key, namespace, value }, _command, call) => {
    if (state.kv.sizeBytes() + namespace.length + key.length + value.length > state.bounds.kvSizeBytesMax) {
      return failed(
        `the key-value configuration would exceed ${state.bounds.kvSizeBytesMax} bytes. Delete some keys first.`,
      )
    }
    state.kv.put(namespace, key, value, answerWhenDurable(state, call))
    return undefined
  })

const remove = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.KvConfigOf, ({ key, namespace }, _command, call) => {
    state.kv.remove(namespace, key, answerWhenDurable(state, call))
    return undefined
  })

const get = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.KvConfigOf, ({ key, namespace }) => {
    const value = state.kv.get(namespace, key)
    if (value !== undefined) return { code: success.code, ext: NameServerHeaders.GetKvConfigAnswer.encode({ value }) }
    return { code: ResponseCode.QUERY_NOT_FOUND, remark: `No config item, Namespace: ${namespace} Key: ${key}` }
  })

const list = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.GetKvListByNamespace, ({ namespace }) => {
    const table = state.kv.list(namespace)
    if (table !== undefined) return { body: RouteData.KvTable.encode({ table }), code: success.code }
    return { code: ResponseCode.QUERY_NOT_FOUND, remark: `No config item, Namespace: ${namespace}` }
  })
