/**
 * What the machine tells a client about itself, as a port: variables, its own address, its calendar, pages of HTTP.
 * What holds for every adapter:
 *
 *   later   `fetchText` never answers within the call, and answers once
 *   alive   the process does not end by itself while a hold of `keepAlive` is kept; releasing twice is releasing once
 */
export interface Environment {
  readonly processId: number
  /** A variable of the process's environment; undefined when it is not set. */
  readonly variable: (name: string) => string | undefined
  /** The address by which others may know this machine: text of IPv4, else IPv6, else 127.0.0.1. */
  readonly localAddress: () => string
  readonly homeFolder: () => string
  /** When the month of `nowMs` began by this machine's calendar, in ms since 1970. */
  readonly monthStartMs: (nowMs: number) => number
  /** The body of an HTTP page with status 200, or why there is none. */
  readonly fetchText: (url: string, timeoutMs: number, done: (page: string | PageError) => void) => void
  /** Keeps the process alive until the answer is called. */
  readonly keepAlive: () => () => void
}

/** A page that could not be had. Retryable. */
export class PageError extends Error {
  override readonly name = "PageError"
  readonly _tag = "PageError"
  readonly url: string
  constructor(url: string, detail: string) {
    super(`${url}: ${detail}`)
    this.url = url
  }
}

export interface FixedEnvironment {
  readonly processId?: number
  readonly variables?: Readonly<Record<string, string>>
  readonly localAddress?: string
  readonly homeFolder?: string
  /** Pages by their address. */
  readonly pages?: ReadonlyMap<string, string>
  /** Runs something after the call that asked for it: `Clock.soon`. */
  readonly soon?: (run: () => void) => void
}

/** An environment of given values, for simulations: months begin in UTC, and nothing keeps a process alive. */
export const makeFixedEnvironment = (values: FixedEnvironment = {}): Environment => ({
  fetchText: (url, _timeoutMs, done) => {
    const page = values.pages?.get(url) ?? new PageError(url, "there is no such page")
    values.soon?.(() => done(page))
  },
  homeFolder: () => values.homeFolder ?? "/home",
  keepAlive: () => () => {},
  localAddress: () => values.localAddress ?? "127.0.0.1",
  monthStartMs: (nowMs) => {
    const now = new Date(nowMs)
    return Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)
  },
  processId: values.processId ?? 1,
  variable: (name) => values.variables?.[name],
})
