/**
 * Protocol versions: ordinals in RocketMQ's list of releases. Source: spec/wire.md, version numbers.
 */
export const Version = {
  V3_0_0_SNAPSHOT: 0,
  V3_0_11: 37,
  V3_4_9: 121,
  V4_1_0_SNAPSHOT: 232,
  V4_5_2: 317,
  V4_9_3: 399,
  V4_9_4: 401,
  V4_9_8: 409,
  V5_0_0: 413,
  V5_3_1: 475,
  V5_3_3: 479,
  V5_4_0: 493,
  V5_5_0: 513,
} as const

/** What we announce in every header: we speak the protocol of 5.5.0. */
export const gantryVersion: number = Version.V5_5_0

/** What depends on the version that the peer announced; each is the first version that has it. */
export const threshold = {
  /** The broker pushes offset resets to the consumer. */
  resetOffsetPush: 28,
  /** The name server reads the wrapped REGISTER_BROKER body. */
  registerBody: Version.V3_0_11,
  /** The broker relays GET_CONSUMER_RUNNING_INFO and CONSUME_MESSAGE_DIRECTLY. */
  relayToConsumer: 62,
  /** `maxReconsumeTimes` of a send or a send-back is honoured. */
  maxReconsumeTimes: Version.V3_4_9,
  /** Clients send SQL92 expressions only to brokers of at least this version. */
  sqlFilter: Version.V4_1_0_SNAPSHOT,
  /** The name server answers routes in standard JSON. */
  standardJsonRoute: Version.V4_9_4,
  /** A compressed REGISTER_BROKER body ends with the queue mapping section. */
  registerQueueMapping: Version.V5_0_0,
  /** Peers beyond 5.3.1 understand GO_AWAY (1500). */
  goAway: Version.V5_3_1 + 1,
} as const
