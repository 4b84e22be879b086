/**
 * What TLC writes by `-tool`: messages between `@!@!@STARTMSG code:severity @!@!@` and `@!@!@ENDMSG code @!@!@`, with
 * lines of the parser in between. Source: TLC 2.18 as it runs.
 */
export interface Message {
  readonly code: number
  readonly severity: number
  /** The lines in between, joined by line feeds. */
  readonly text: string
}

/** The codes that a verdict is read from. */
export const MessageCode = {
  INVARIANT_VIOLATED_INITIALLY: 2107,
  INVARIANT_VIOLATED: 2110,
  ACTION_PROPERTY_VIOLATED: 2112,
  DEADLOCK: 2114,
  TEMPORAL_VIOLATED: 2116,
  BACK_TO_STATE: 2122,
  SUCCESS: 2193,
  DEPTH: 2194,
  STATES: 2199,
  COVERAGE_START: 2201,
  STATE: 2217,
  STUTTERING: 2218,
  COVERAGE_ACTION: 2772,
} as const

export const errorSeverity = 1

const opening = /^@!@!@STARTMSG (\d+):(\d+) @!@!@$/

/** Reads all whole messages; `rest` holds the lines outside of them, which is where the parser speaks. */
export const readMessages = (output: string): { messages: Array<Message>; rest: string } => {
  const messages: Array<Message> = []
  const rest: Array<string> = []
  let open: { code: number; severity: number; lines: Array<string> } | undefined
  for (const line of output.split(/\r?\n/)) {
    const start = opening.exec(line)
    if (start !== null) open = { code: Number(start[1]), severity: Number(start[2]), lines: [] }
    else if (open === undefined) rest.push(line)
    else if (line === `@!@!@ENDMSG ${open.code} @!@!@`) {
      messages.push({ code: open.code, severity: open.severity, text: open.lines.join("\n") })
      open = undefined
    } else open.lines.push(line)
  }
  return { messages, rest: rest.join("\n").trim() }
}
