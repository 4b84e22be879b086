/**
 * The trace port: events at the borders of the specs' actions, named as there (spec/delivery, spec/store). When it is
 * off it is `undefined`, so that an untraced run pays one comparison: `trace?.("Append", { commitLogOffset })`.
 */
export type TraceEvent = {
  /** The action's name in the TLA+ module. */
  readonly action: string
  readonly node: string
  readonly atMs: number
  readonly fields: Readonly<Record<string, unknown>>
}

export type Trace = ((action: string, fields: Readonly<Record<string, unknown>>) => void) | undefined
