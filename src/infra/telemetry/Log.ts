/** Structured log lines, as a port. `fields` are plain values; nothing is formatted unless the level is on. */
export type LogLevel = "debug" | "info" | "warn" | "error"

export interface Log {
  readonly debug: (message: string, fields?: Readonly<Record<string, unknown>>) => void
  readonly info: (message: string, fields?: Readonly<Record<string, unknown>>) => void
  readonly warn: (message: string, fields?: Readonly<Record<string, unknown>>) => void
  readonly error: (message: string, fields?: Readonly<Record<string, unknown>>) => void
}

const ignore = (): void => {}

/** Drops every line. */
export const silent: Log = { debug: ignore, error: ignore, info: ignore, warn: ignore }
