/**
 * What mqadmin is asked to do, in order, and what it must print then. `$name` in a command is replaced by what an
 * earlier answer held in its group `(?<name>…)`; `$namesrv`, `$broker` are the addresses, `$file(NAME)` a file's path.
 */
export interface Step {
  /** A command line of mqadmin. */
  readonly line: string
  /** What must be in the answer. */
  readonly says: RegExp
  /** The title, when one command is tried several times. */
  readonly about?: string
  /** True a while after what was done before: it is asked again until then. */
  readonly isLater?: boolean
  /** Gantry refuses it, in these words. docs/compatibility.md says why. */
  readonly refused?: RegExp
}

const step = (line: string, says: RegExp, more: Omit<Step, "line" | "says"> = {}): Step => ({ line, says, ...more })

const cluster = "-c DefaultCluster"

const notServed = /request type \d+ not supported/

export const steps: ReadonlyArray<Step> = [
  step(`updateTopic -n $namesrv ${cluster} -t orders -r 4 -w 4 -a +message.type=NORMAL`, /create topic to .* success/),
  step("updateTopic -n $namesrv -b $broker -t payments", /create topic to .* success/, { about: "of a broker" }),
  step(`updateTopic -n $namesrv ${cluster} -t ordered -o true`, /set cluster orderConf/, { about: "ordered" }),
  step("updateTopicList -n $namesrv -b $broker -f $file(topics.json)", /submit batch of topic config to .* success/),
  step(`updateTopicPerm -n $namesrv ${cluster} -t payments -p 4`, /update topic perm from 6 to 4 in .* success/),
  step("topicList -n $namesrv", /^orders$/m),
  step(`topicList -n $namesrv -c`, /DefaultCluster +orders/, { about: "with groups" }),
  step("topicRoute -n $namesrv -t orders", /"brokerName":\s*"broker-a"/),
  step("topicRoute -n $namesrv -t orders -l", /DefaultCluster +broker-a +\S+ +4 +4 +6/, { about: "as a table" }),
  step("topicClusterList -n $namesrv -t orders", /DefaultCluster/),
  step(
    "sendMessage -n $namesrv -t orders -p hello -k key-1 -c tag-a -b broker-a -i 1",
    /SEND_OK +(?<msgId>[0-9A-F]{32,})/,
  ),
  step("sendMessage -n $namesrv -t orders -p hello-again -k key-2", /SEND_OK/, { about: "anywhere" }),
  step("sendMessage -n $namesrv -t orders -p traced -m true", /SEND_OK +(?<tracedId>[0-9A-F]{32,})/, {
    about: "with a trace",
  }),
  step("topicStatus -n $namesrv -t orders", /broker-a +1 +0 +[12] +20/),
  step(`updateSubGroup -n $namesrv ${cluster} -g billing -r 5`, /create subscription group to .* success/),
  step("updateSubGroup -n $namesrv -b $broker -g shipping", /create subscription group to .* success/, {
    about: "of a broker",
  }),
  step("updateSubGroupList -n $namesrv -b $broker -f $file(groups.json)", /submit batch of group config to .* success/),
  step("getConsumerConfig -n $namesrv -g billing", /retryMaxTimes +=? *5/),
  step("setConsumeMode -n $namesrv -b $broker -t orders -g shipping -m PULL -q 0", /set consume mode to .* success/),
  // Not a command: a group that consumes, and a producer that has sent.
  step("client orders readers", /^$/),
  step("producerConnection -n $namesrv -g producers -t orders", /0001\s+\S+ .*JAVA +V5_5_0/),
  step(
    "consumerConnection -n $namesrv -g readers",
    /^(?<clientId>\S+@consumer\S*) .*JAVA[^]*ConsumeType: CONSUME_PASSIVELY/m,
  ),
  step("producer -n $namesrv -b $broker", /producer group \(producers\) instance/),
  step("consumerStatus -n $namesrv -g readers", /Rebalance OK/),
  step("consumerStatus -n $namesrv -g readers -i $clientId", /#Consumer Offset|#ProcessQueue|#MQ Detail|#Topic/, {
    about: "of a client",
  }),
  step("consumerProgress -n $namesrv -g readers", /orders +broker-a +1 +\d+ +\d+ [^]*Consume Diff Total/),
  step("consumerProgress -n $namesrv -g readers -s true", /Client IP[^]*orders +broker-a +1 +\d+ +\d+ +\d+\.\d+/, {
    about: "with clients",
  }),
  step("consumerProgress -n $namesrv", /readers +1 +V5_5_0/, { about: "of all groups" }),
  step("brokerConsumeStats -n $namesrv -b $broker", /readers +broker-a[^]*Diff Total/, { isLater: true }),
  step("statsAll -n $namesrv -t orders", /orders +readers +\d+/),
  step("statsAll -n $namesrv -a", /#Topic/, { about: "of active topics" }),
  step(
    "queryMsgByOffset -n $namesrv -t orders -b broker-a -i 1 -o 0",
    /OffsetID: +(?<offsetId>[0-9A-F]{32})[^]*Queue Offset: +0/,
  ),
  step("queryMsgByUniqueKey -n $namesrv -t orders -i $msgId", /Topic: +orders[^]*Message Body Path/),
  step("queryMsgById -n $namesrv -t orders -i $offsetId", /Topic: +orders[^]*Tags: +\[tag-a\]/),
  step("queryMsgById -n $namesrv -t orders -i $offsetId -g readers -d $clientId", /CR_SUCCESS/, {
    about: "consumed by a client",
  }),
  step("queryMsgById -n $namesrv -t orders -i $offsetId -s true", /prepare resend msg[^]*SEND_OK/, { about: "resent" }),
  step("queryMsgByKey -n $namesrv -t orders -k key-1", /[0-9A-F]{32,} +1 +0/),
  step("printMsg -n $namesrv -t orders -d true", /hello/),
  step("printMsgByQueue -n $namesrv -t orders -a broker-a -i 1 -p true -d true -f true", /hello[^]*tag-a/),
  step("consumeMessage -n $namesrv -t orders -b broker-a -i 1 -o 0 -c 1 -g looker", /Consume ok\n[^]*hello/),
  step("queryCq -n $namesrv -t orders -q 1 -i 0 -c 1", /physicOffset|phyOffset|Subscription|tagsCode/),
  step("sendMsgStatus -n $namesrv -b broker-a -s 16 -c 2", /SEND_OK/),
  step("checkMsgSendRT -n $namesrv -t orders -a 2 -s 16", /Avg RT/),
  step("resetOffsetByTime -n $namesrv -g readers -t orders -s -1", /broker-a +1 +\d+/),
  step("resetOffsetByTime -n $namesrv -g billing -t orders -s now -b $broker -q 1", /\d/, { about: "of a queue" }),
  step("resetOffsetByTime -n $namesrv -g billing -t orders -s -1 -b $broker -q 1 -o 0", /reset consumer offset to 0/, {
    about: "to an offset",
  }),
  step("skipAccumulatedMessage -n $namesrv -g readers -t orders", /broker-a +1 +\d+/),
  step("cloneGroupOffset -n $namesrv -s readers -d billing -t orders", /clone group offset success/),
  step("allocateMQ -n $namesrv -t orders -i 10.0.0.1,10.0.0.2", /10\.0\.0\.2/),
  step("clusterList -n $namesrv", /DefaultCluster +broker-a +0 +127\.0\.0\.1:\d+ +V\d/),
  step("clusterList -n $namesrv -m", /DefaultCluster +broker-a +\d+ +\d+ +\d+ +\d+/, { about: "with totals" }),
  step("brokerStatus -n $namesrv -b $broker", /putTps +: [^]*runtime +: /),
  step(`brokerStatus -n $namesrv ${cluster}`, /127\.0\.0\.1:\d+ +bootTimestamp/, { about: "of a cluster" }),
  step("getBrokerConfig -n $namesrv -b $broker", /brokerName +=  broker-a/),
  step(`getBrokerConfig -n $namesrv ${cluster}`, /Master: 127\.0\.0\.1:\d+/, { about: "of a cluster" }),
  step("updateBrokerConfig -n $namesrv -b $broker -k fileReservedTime -v 48", /update broker config success/),
  step("haStatus -n $namesrv -b $broker", /#MasterAddr/, { refused: notServed }),
  step("getNamesrvConfig -n $namesrv", /listenPort +=  /),
  step(
    "updateNamesrvConfig -n $namesrv -k deleteTopicWithBrokerRegistration -v true",
    /update name server config success/,
    { refused: /Change its file and restart it/ },
  ),
  step("updateKvConfig -n $namesrv -s space -k key -v value", /create or update kv config to namespace success/),
  step("deleteKvConfig -n $namesrv -s space -k key", /delete kv config from namespace success/),
  step("updateOrderConf -n $namesrv -t orders -m put -v broker-a:4", /update orderConf success/),
  step("updateOrderConf -n $namesrv -t orders -m get", /broker-a:4/, { about: "asked" }),
  step("updateOrderConf -n $namesrv -t orders -m delete", /delete orderConf success/, { about: "deleted" }),
  step("wipeWritePerm -n $namesrv -b broker-a", /wipe write perm of broker\[broker-a\] in name server\[\S+\] OK, \d+/),
  step("addWritePerm -n $namesrv -b broker-a", /add write perm of broker\[broker-a\] in name server\[\S+\] OK, \d+/),
  step("cleanExpiredCQ -n $namesrv -b $broker", /success/),
  step("deleteExpiredCommitLog -n $namesrv -b $broker", /success/),
  step("cleanUnusedTopic -n $namesrv -b $broker", /success/),
  step(`exportMetadata -n $namesrv ${cluster} -f $file(export)`, /export .*success/),
  step(`exportConfigs -n $namesrv ${cluster} -f $file(export)`, /export .*configs\.json success/),
  step(`exportMetrics -n $namesrv ${cluster} -f $file(export)`, /export .*metrics\.json success/),
  step("getColdDataFlowCtrInfo -n $namesrv -b $broker", /.*/, { refused: notServed }),
  step("updateColdDataFlowCtrGroupConfig -n $namesrv -b $broker -g readers -v 1048576", /success/, {
    refused: notServed,
  }),
  step("removeColdDataFlowCtrGroupConfig -n $namesrv -b $broker -g readers", /success/, { refused: notServed }),
  step("setCommitLogReadAheadMode -n $namesrv -b $broker -m 0", /success/, { refused: notServed }),
  step("queryMsgTraceById -n $namesrv -i $tracedId", /Pub +/, { isLater: true }),
  step(`updateStaticTopic -n $namesrv ${cluster} -t static -qn 4`, /"topic":\s*"static"|static/, {
    refused: notServed,
  }),
  step(
    `deleteSubGroup -n $namesrv ${cluster} -g billing -r true`,
    /delete subscription group \[billing\] from .* success/,
  ),
  step(`deleteTopic -n $namesrv ${cluster} -t payments`, /delete topic \[payments\] from NameServer success/),
]
