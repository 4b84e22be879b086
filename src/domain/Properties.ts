/**
 * Message properties: the text `name \x01 value \x02 …` that travels with a message and is stored with it.
 *
 * Nothing is escaped, so names and values cannot hold the two separators. A pair without `\x01`, without a name or with
 * an empty value is written but lost on reading; of two pairs with one name the last one counts.
 *
 * Laws (test/model/domain/Properties.test.ts)
 *   round-trip  parse(print(map)) is `map`, when names and values are not empty and hold no separator
 *   find        find(text, name) is parse(text).get(name), for every text
 *   glance      glance(text) is what five calls of find(text) say
 *   set         after `set` the name has the value, every other name keeps its own
 * Source: behaviour of RocketMQ 5.5.0 (MessageDecoder, MessageConst).
 */

/** The names that mean something to a broker or client, by RocketMQ's constants. */
export const PropertyName = {
  KEYS: "KEYS",
  TAGS: "TAGS",
  /** "false": the sender does not wait for flush and replicas (P1 does not hold then). */
  WAIT: "WAIT",
  DELAY: "DELAY",
  RETRY_TOPIC: "RETRY_TOPIC",
  REAL_TOPIC: "REAL_TOPIC",
  REAL_QID: "REAL_QID",
  TRAN_MSG: "TRAN_MSG",
  PGROUP: "PGROUP",
  MIN_OFFSET: "MIN_OFFSET",
  MAX_OFFSET: "MAX_OFFSET",
  BUYER_ID: "BUYER_ID",
  ORIGIN_MESSAGE_ID: "ORIGIN_MESSAGE_ID",
  TRANSFER_FLAG: "TRANSFER_FLAG",
  CORRECTION_FLAG: "CORRECTION_FLAG",
  MQ2_FLAG: "MQ2_FLAG",
  RECONSUME_TIME: "RECONSUME_TIME",
  MSG_REGION: "MSG_REGION",
  TRACE_ON: "TRACE_ON",
  UNIQ_KEY: "UNIQ_KEY",
  EXTEND_UNIQ_INFO: "EXTEND_UNIQ_INFO",
  MAX_RECONSUME_TIMES: "MAX_RECONSUME_TIMES",
  CONSUME_START_TIME: "CONSUME_START_TIME",
  INNER_NUM: "INNER_NUM",
  INNER_BASE: "INNER_BASE",
  DUP_INFO: "DUP_INFO",
  CHECK_IMMUNITY_TIME_IN_SECONDS: "CHECK_IMMUNITY_TIME_IN_SECONDS",
  TRAN_PREPARED_QUEUE_OFFSET: "TRAN_PREPARED_QUEUE_OFFSET",
  TRANSACTION_CHECK_TIMES: "TRANSACTION_CHECK_TIMES",
  TRANSACTION_ID: "__transactionId__",
  INSTANCE_ID: "INSTANCE_ID",
  CORRELATION_ID: "CORRELATION_ID",
  REPLY_TO_CLIENT: "REPLY_TO_CLIENT",
  TTL: "TTL",
  ARRIVE_TIME: "ARRIVE_TIME",
  PUSH_REPLY_TIME: "PUSH_REPLY_TIME",
  CLUSTER: "CLUSTER",
  MSG_TYPE: "MSG_TYPE",
  POP_CK: "POP_CK",
  POP_CK_OFFSET: "POP_CK_OFFSET",
  FIRST_POP_TIME: "1ST_POP_TIME",
  SHARDING_KEY: "__SHARDINGKEY",
  FORWARD_QUEUE_ID: "PROPERTY_FORWARD_QUEUE_ID",
  REDIRECT: "REDIRECT",
  INNER_MULTI_DISPATCH: "INNER_MULTI_DISPATCH",
  INNER_MULTI_QUEUE_OFFSET: "INNER_MULTI_QUEUE_OFFSET",
  TRACE_CONTEXT: "TRACE_CONTEXT",
  TIMER_DELAY_SEC: "TIMER_DELAY_SEC",
  TIMER_DELAY_MS: "TIMER_DELAY_MS",
  TIMER_DELIVER_MS: "TIMER_DELIVER_MS",
  TIMER_ENQUEUE_MS: "TIMER_ENQUEUE_MS",
  TIMER_DEQUEUE_MS: "TIMER_DEQUEUE_MS",
  TIMER_ROLL_TIMES: "TIMER_ROLL_TIMES",
  TIMER_OUT_MS: "TIMER_OUT_MS",
  TIMER_DEL_UNIQKEY: "TIMER_DEL_UNIQKEY",
  TIMER_DELAY_LEVEL: "TIMER_DELAY_LEVEL",
  BORN_HOST: "__BORNHOST",
  BORN_TIMESTAMP: "BORN_TIMESTAMP",
  DLQ_ORIGIN_TOPIC: "DLQ_ORIGIN_TOPIC",
  DLQ_ORIGIN_MESSAGE_ID: "DLQ_ORIGIN_MESSAGE_ID",
  CRC32: "__CRC32#",
} as const

export const nameEnd = "\u0001"
export const pairEnd = "\u0002"

/** The longest property text, in bytes of UTF-8: its length is an int16 in a stored record. */
export const sizeBytesMax = 32_767

/** Reads every readable pair, in order of first appearance. */
export const parse = (text: string): Map<string, string> => {
  const properties = new Map<string, string>()
  let start = 0
  let split = -1
  while (start < text.length) {
    let end = text.indexOf(pairEnd, start)
    if (end < 0) end = text.length
    // Looked for once per `\x01`, not once per pair: a text of bare separators must not cost its length squared (P11).
    if (split < start) split = text.indexOf(nameEnd, start)
    if (split < 0) break
    if (split > start && split < end - 1) properties.set(text.slice(start, split), text.slice(split + 1, end))
    start = end + 1
  }
  return properties
}

/** Writes every pair, each closed by `\x02`. A value may be empty, and is then lost on reading. */
export const print = (properties: Iterable<readonly [string, string]>): string => {
  let text = ""
  for (const [name, value] of properties) text += name + nameEnd + value + pairEnd
  return text
}

/** The value that `parse` would give for `name`, without building the map. */
export const find = (text: string, name: string): string | undefined => {
  // Most names that are asked for are not there: the needle is made only for those that may be.
  if (name === "" || !text.includes(name)) return undefined
  const needle = name + nameEnd
  // From the end, because the last readable pair of a name counts.
  for (let at = text.lastIndexOf(needle); at >= 0; at = at === 0 ? -1 : text.lastIndexOf(needle, at - 1)) {
    if (at > 0 && text.charAt(at - 1) !== pairEnd) continue
    const start = at + needle.length
    let end = text.indexOf(pairEnd, start)
    if (end < 0) end = text.length
    if (end > start) return text.slice(start, end)
  }
  return undefined
}

/** What a broker asks of every message: looked up together in one pass, because it is asked once per message. */
export interface Glance {
  readonly tags: string | undefined
  readonly keys: string | undefined
  readonly uniqKey: string | undefined
  readonly delay: string | undefined
  readonly wait: string | undefined
}

/** The same answers as five calls of `find`. */
export const glance = (text: string): Glance => {
  let tags: string | undefined
  let keys: string | undefined
  let uniqKey: string | undefined
  let delay: string | undefined
  let wait: string | undefined
  let split = -1
  for (let start = 0; start < text.length;) {
    let end = text.indexOf(pairEnd, start)
    if (end < 0) end = text.length
    if (split < start) split = text.indexOf(nameEnd, start)
    if (split < 0) break
    if (split < end - 1) {
      switch (split - start) {
        case 4:
          if (text.startsWith("TAGS", start)) tags = text.slice(split + 1, end)
          else if (text.startsWith("KEYS", start)) keys = text.slice(split + 1, end)
          else if (text.startsWith("WAIT", start)) wait = text.slice(split + 1, end)
          break
        case 5:
          if (text.startsWith("DELAY", start)) delay = text.slice(split + 1, end)
          break
        case 8:
          if (text.startsWith("UNIQ_KEY", start)) uniqKey = text.slice(split + 1, end)
          break
      }
    }
    start = end + 1
  }
  return { delay, keys, tags, uniqKey, wait }
}

/** The text with `name` removed wherever it stands, unreadable pairs of that name included. */
export const remove = (text: string, name: string): string => {
  if (!text.includes(name)) return text
  const needle = name + nameEnd
  if (!text.includes(needle)) return text
  let kept = ""
  let start = 0
  while (start < text.length) {
    let end = text.indexOf(pairEnd, start)
    if (end < 0) end = text.length
    if (!text.startsWith(needle, start)) kept += text.slice(start, end) + pairEnd
    start = end + 1
  }
  return kept
}

/** The text with `name` set to `value`, at the end; the pair that stood there before is removed. */
export const set = (text: string, name: string, value: string): string => append(remove(text, name), name, value)

/** Adds a pair at the end of a text that has no pair of that name: cheaper than `set`, which looks for one. */
export const append = (text: string, name: string, value: string): string =>
  (text === "" || text.endsWith(pairEnd) ? text : text + pairEnd) + name + nameEnd + value + pairEnd
