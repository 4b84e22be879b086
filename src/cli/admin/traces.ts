/**
 * What clients trace: records of fields in the body of a message of the trace topic. Fields end with one control
 * character, records with another. Source: RocketMQ 5.5.0 (TraceDataEncoder).
 */
export interface Trace {
  readonly type: "sent" | "consumed"
  readonly group: string
  readonly timeMs: number
  readonly costMs: number
  readonly isSuccess: boolean
}

const fieldEnd = "\u0001"
const recordEnd = "\u0002"

/** The traces of one message within a body; records that are about others, or not understood, are left out. */
export const tracesIn = (body: string, msgId: string): ReadonlyArray<Trace> => {
  const records = body.split(recordEnd).map((record) => record.split(fieldEnd))
  const groups = new Map<string, { readonly group: string; readonly timeMs: number }>()
  for (const [kind, time, , group, requestId, id] of records)
    if (kind === "SubBefore" && id === msgId) groups.set(requestId ?? "", { group: group ?? "", timeMs: Number(time) })
  return records.flatMap((fields): ReadonlyArray<Trace> => {
    if (fields[0] === "Pub" && fields[5] === msgId)
      return [
        {
          costMs: Number(fields[10]),
          group: fields[3] ?? "",
          // Records of old clients have no offset id before the last field.
          isSuccess: (fields[13] ?? fields[12]) === "true",
          timeMs: Number(fields[1]),
          type: "sent",
        },
      ]
    if (fields[0] !== "SubAfter" || fields[2] !== msgId) return []
    const before = groups.get(fields[1] ?? "")
    return [
      {
        costMs: Number(fields[3]),
        group: fields[8] ?? before?.group ?? "",
        isSuccess: fields[4] === "true",
        timeMs: Number(fields[7] ?? before?.timeMs ?? 0),
        type: "consumed",
      },
    ]
  })
}
