/**
 * Where our answer is expected not to be the recorded one: requests that this version does not serve, features of later
 * versions within requests that it does, and what it does otherwise on purpose. docs/compatibility.md tells users.
 */

/** Request codes that are answered REQUEST_CODE_NOT_SUPPORTED (3), and what they belong to. */
export const notServed: Readonly<Record<string, ReadonlyArray<number>>> = {
  "administration of a running broker": [354, 2003, 2004],
  "authentication and authorisation": [3001, 3005, 3010],
  // 3442 and on: what a binary header, whose code has 16 bits, leaves of 200050 and on.
  POP: [3442, 3443, 3444, 3446, 3447, 3448, 200_050, 200_051, 200_052, 200_053, 200_054, 200_055].concat([
    200_056, 200_151,
  ]),
  "lite topics": [3466, 200_074],
  replication: [907, 908, 1007],
  timers: [60, 61, 370, 5001],
}

/** A feature of a later version within a request that is served: the documented refusal, and nothing else. */
export interface Later {
  readonly scenario: RegExp
  readonly codes: ReadonlyArray<number>
  /** The response code of the refusal. */
  readonly answer: number
  readonly why: string
}

export const later: ReadonlyArray<Later> = [
  { answer: 1, codes: [310], scenario: /^(?:error-)?send-timer-|^recall$/, why: "timers" },
  { answer: 1, codes: [17], scenario: /^topic-create-batchcq$/, why: "topics of queue.type BatchCQ" },
  {
    answer: 17,
    codes: [222],
    scenario: /^reset-offset-(?:client-side|no-consumer-online)$/,
    why: "resets by the clients (useServerSideResetOffset=false); its topic was made on that broker",
  },
]

/** An answer that differs on purpose, and in what. */
export interface OnPurpose {
  readonly scenario: string
  readonly code: number
  readonly differs: RegExp
  readonly why: string
}

export const onPurpose: ReadonlyArray<OnPurpose> = [
  {
    code: 11,
    differs: /^code 23 for 0$/,
    scenario: "error-pull-sql92-bad",
    why: "a condition that cannot be read is refused; 5.5.0 delivers every message instead",
  },
  {
    code: 310,
    differs: /^code 13 for 1$/,
    scenario: "error-send-empty-body",
    why: "an illegal message is answered MESSAGE_ILLEGAL; 5.5.0 answers the text of a NullPointerException",
  },
  {
    code: 320,
    differs: /^batchUniqId missing|^msgId /,
    scenario: "send-batch-to-batchcq-topic",
    why: "the topic could not be made as BatchCQ: the batch is stored message by message, in a topic made by the send",
  },
  {
    code: 11,
    differs: /^code 0 for 21$/,
    scenario: "consumer-leaves",
    why: "a member that waits when its group is reset is told at once; 5.5.0 tells it with its next pull, wherever that comes from",
  },
  {
    code: 26,
    differs: /^enableSplitRegistration=|^flushDiskType=|^maxTransfer\w+OnMessageInDisk=/,
    scenario: "broker-config-get",
    why: "an answer follows the sync (P1); a consumer that is behind gets as much in one answer as one that is not; all topics are not sent again and again",
  },
  {
    code: 351,
    differs: /^body\.order false for true$/,
    scenario: "topic-config-get",
    why: "5.5.0 sets a topic's order flag when its name server has an order configuration for it",
  },
  {
    code: 21,
    differs: /^TRANS_CHECK_MAX_TIME_TOPIC (?:missing|for nothing)$/,
    scenario: "topic-config-all",
    why: "made when a transaction is first given up, and the recordings leave answers to checks out",
  },
  {
    code: 317,
    differs: /^CID_RMQ_SYS_TRANS /,
    scenario: "broker-consume-stats",
    why: "how often halves were copied: the recordings leave answers to checks out",
  },
  {
    code: 323,
    differs: /^code 1 for 0$/,
    scenario: "resume-check-half",
    why: "a message that is no transaction is refused; 5.5.0 makes a half of it, which ends in its dead end",
  },
  ...["transaction-commit", "transaction-rollback", "transaction-listener-throws", "transaction-check"].map(
    (scenario) => ({
      code: 310,
      differs: /^queueOffset \d+ for \d+$/,
      scenario,
      why: "the half queue of the recorded broker was longer: it had served the recordings before",
    }),
  ),
]
