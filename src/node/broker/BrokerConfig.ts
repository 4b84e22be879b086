/**
 * The settings of a broker, by RocketMQ's own property names, so that its configuration files work here. Times are
 * milliseconds and sizes bytes unless the name says otherwise. Defaults are RocketMQ's, except `flushDiskType`: an
 * answer follows the sync (promise P1), and `bindAddress`, which is the loopback.
 */
import * as Capacity from "../../domain/Capacity.ts"
import * as DelayLevel from "../../domain/DelayLevel.ts"
import * as FlowControl from "../../domain/FlowControl.ts"

export const defaults = {
  autoCreateSubscriptionGroup: true,
  autoCreateTopicEnable: true,
  bindAddress: "127.0.0.1",
  brokerClusterName: "DefaultCluster",
  brokerIP1: "127.0.0.1",
  /** Messages are refused while one waits longer than osPageCacheBusyTimeOutMills for the disk. */
  brokerFastFailureEnable: FlowControl.patience.brokerFastFailureEnable,
  brokerId: 0,
  brokerName: "broker-a",
  brokerPermission: 6,
  brokerTopicEnable: true,
  channelExpiredTimeout: 120_000,
  cleanFileForciblyEnable: true,
  cleanResourceInterval: 10_000,
  clearRetryTopicWhenDeleteTopic: true,
  clusterTopicEnable: true,
  commitLogTotalBytesMax: 0,
  /** Who may change settings of the running broker: "loopback" processes of its machine, "none" nobody. */
  configUpdateFrom: "loopback",
  /** How groups get their messages that let the broker share out the queues (clientRebalance=false): PULL or POP. */
  defaultMessageRequestMode: "PULL",
  defaultPopShareQueueNum: -1,
  defaultTopicQueueNums: 8,
  deleteWhen: "04",
  diskMaxUsedSpaceRatio: 75,
  diskSpaceCleanForciblyRatio: 85,
  diskSpaceWarningLevelRatio: 90,
  /** Messages are marked for the filters of their topic, beside their queue entries (enableConsumeQueueExt). */
  enableCalcFilterBitMap: false,
  enableConsumeQueueExt: false,
  /** Consumers may ask for messages by SQL92 conditions over their properties. */
  enablePropertyFilter: false,
  /** Beyond splitRegistrationSize topics, registers in pieces and sends name servers only what they lack. */
  enableSplitRegistration: true,
  /** With maxErrorRateOfBloomFilter, percent: the size of the marks that tell which groups may want a message. */
  expectConsumerNumUseFilter: 32,
  fastListenPort: -1,
  fileReservedTime: 72,
  /** How long the filter of a group that is gone is kept, so that messages are marked for it. */
  filterDataCleanTimeSpan: 86_400_000,
  /** Retries are filtered, too: what a group does not take any more is passed over in its retry topic. */
  filterSupportRetry: false,
  flushConsumerOffsetInterval: 5_000,
  flushDelayOffsetInterval: 10_000,
  flushDiskType: "SYNC_FLUSH",
  flushIntervalCommitLog: 500,
  flushIntervalConsumeQueue: 1_000,
  /** Groups, and topics, that the broker keeps at most. */
  groupNumsMax: Capacity.defaults.groupNumsMax,
  /** Where /healthz, /readyz and /metrics are answered over HTTP; port 0: nowhere. */
  httpAddress: "127.0.0.1",
  httpPort: 0,
  listenPort: 10_911,
  litePullMessageEnable: true,
  /** What is logged: "debug", "info", "warn" or "error", and whatever weighs more. */
  logLevel: "info",
  longPollingEnable: true,
  mappedFileSizeCommitLog: 1024 * 1024 * 1024,
  mappedFileSizeConsumeQueueExt: 50_331_648,
  mappedFileSizeConsumeQueue: 6_000_000,
  maxErrorRateOfBloomFilter: 20,
  maxHashSlotNum: 5_000_000,
  maxIndexNum: 20_000_000,
  maxMessageSize: 4 * 1024 * 1024,
  maxMsgsNumBatch: 64,
  maxTransferBytesOnMessageInDisk: 256 * 1024,
  maxTransferBytesOnMessageInMemory: 256 * 1024,
  maxTransferCountOnMessageInDisk: 32,
  maxTransferCountOnMessageInMemory: 32,
  messageDelayLevel: DelayLevel.defaultText,
  namesrvAddr: "",
  notifyConsumerIdsChangedEnable: true,
  osPageCacheBusyTimeOutMills: FlowControl.patience.osPageCacheBusyTimeOutMills,
  regionId: "DefaultRegion",
  registerBrokerTimeoutMills: 24_000,
  registerNameServerPeriod: 30_000,
  rejectTransactionMessage: false,
  serverLoadBalancerEnable: true,
  shortPollingTimeMills: 1_000,
  slaveReadEnable: false,
  splitRegistrationSize: 800,
  storePathRootDir: "store",
  /** Whether the broker keeps replies in the reply topic of its cluster, or only hands them on. */
  storeReplyMessageEnable: true,
  syncFlushTimeout: 5_000,
  topicNumsMax: Capacity.defaults.topicNumsMax,
  traceOn: true,
  traceTopicEnable: false,
  /** How often producers of undecided transactions are asked. */
  transactionCheckInterval: 30_000,
  transactionCheckMax: 15,
  /** Settled halves are told of together, for so long or up to so many characters of an op message. */
  transactionOpBatchInterval: 3_000,
  transactionOpMsgMaxSize: 4_096,
  /** Undecided transactions at once: each takes some memory until it is decided. */
  transactionPendingMax: 1_000_000,
  /** How old a half message is before its producer is asked. */
  transactionTimeOut: 6_000,
  /** Minutes that local time, which deleteWhen is meant in, is ahead of UTC. */
  utcOffsetMinutes: 0,
  useServerSideResetOffset: true,
  writeRingBytes: 64 * 1024 * 1024,
}

export type BrokerConfig = { readonly [K in keyof typeof defaults]: (typeof defaults)[K] }

/** The port for old clients and slaves: listenPort - 2, unless set; none when listenPort is 0 or too small. */
export const fastPortOf = (config: BrokerConfig): number | undefined => {
  if (config.fastListenPort >= 0) return config.fastListenPort
  return config.listenPort > 2 ? config.listenPort - 2 : undefined
}
