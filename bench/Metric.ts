/** Everything that is measured, declared once: the names in the JSON, the rows of the table and what is better. */

export interface Metric {
  readonly label: string
  readonly unit: "/s" | "ms" | "us" | "MB" | "cores"
  /** "none": only tells how the others came about, no ratio is shown. */
  readonly better: "more" | "less" | "none"
}

export interface Section {
  readonly title: string
  readonly metrics: Readonly<Record<string, Metric>>
}

const metric = (label: string, unit: Metric["unit"], better: Metric["better"] = "less"): Metric => ({
  label,
  unit,
  better,
})

const started = (what: string): Readonly<Record<string, Metric>> => ({
  [`start.${what}.ms`]: metric("spawn to first success", "ms"),
  [`start.${what}.cpuMs`]: metric("processor time until then", "ms"),
  [`start.${what}.residentMb`]: metric("resident a second later", "MB"),
})

const sent = (flush: string): Readonly<Record<string, Metric>> => ({
  [`${flush}.send.rate`]: metric("acknowledged", "/s", "more"),
  [`${flush}.send.slowest`]: metric("slowest second", "/s", "more"),
  [`${flush}.send.p50`]: metric("latency p50", "us"),
  [`${flush}.send.p99`]: metric("latency p99", "us"),
  [`${flush}.send.max`]: metric("latency max", "us"),
  [`${flush}.send.cpu`]: metric("broker's processor", "cores", "none"),
  [`${flush}.send.generator`]: metric("generator's processor", "cores", "none"),
  [`${flush}.send.others`]: metric("everything else's processor", "cores", "none"),
  [`${flush}.send.behind`]: metric("end to all readable", "ms"),
})

const alone = (flush: string): Readonly<Record<string, Metric>> => ({
  [`${flush}.alone.p50`]: metric("latency p50", "us"),
  [`${flush}.alone.p99`]: metric("latency p99", "us"),
  [`${flush}.alone.max`]: metric("latency max", "us"),
})

const pulled = (window: string): Readonly<Record<string, Metric>> => ({
  [`pull.${window}.rate`]: metric("messages", "/s", "more"),
  [`pull.${window}.p50`]: metric("latency p50 of a batch", "us"),
  [`pull.${window}.p99`]: metric("latency p99 of a batch", "us"),
  [`pull.${window}.cpu`]: metric("broker's processor", "cores", "none"),
  [`pull.${window}.generator`]: metric("generator's processor", "cores", "none"),
  [`pull.${window}.others`]: metric("everything else's processor", "cores", "none"),
})

export interface Shape {
  readonly load: string
  readonly tail: number
  readonly messages: number
}

export const sections = ({ load, tail, messages }: Shape): ReadonlyArray<Section> => [
  { title: "Start: name server", metrics: started("nameServer") },
  { title: "Start: broker", metrics: started("broker") },
  { title: "Start: dev, a whole cluster", metrics: started("dev") },
  { title: `Send, SYNC_FLUSH, ${load}`, metrics: sent("sync") },
  { title: "Send, SYNC_FLUSH, 1 connection x 1 outstanding", metrics: alone("sync") },
  { title: `Send, ASYNC_FLUSH, ${load}`, metrics: sent("async") },
  { title: "Send, ASYNC_FLUSH, 1 connection x 1 outstanding", metrics: alone("async") },
  { title: `Pull by 32, the newest ${tail.toLocaleString("en")} messages`, metrics: pulled("tail") },
  { title: `Pull by 32, the newest ${messages.toLocaleString("en")} messages`, metrics: pulled("backlog") },
  {
    title: "Memory of the broker after the ASYNC_FLUSH sends and pulls",
    metrics: {
      "memory.residentMb": metric("resident", "MB"),
      "memory.anonymousMb": metric("resident, mapped files not counted", "MB"),
    },
  },
]
