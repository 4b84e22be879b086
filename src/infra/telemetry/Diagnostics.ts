/**
 * What happens inside a client, told to whoever listens, as a port. `trace` tells of an operation's start and end and
 * carries the listeners' context into it; `tell` tells of one event. With nobody listening both cost a look-up.
 */
export interface Diagnostics {
  /** Runs `operation` as it would run by itself; `context` is told, and gets `result` or `error` at the end. */
  readonly trace: <A>(name: string, context: object, operation: () => Promise<A>) => Promise<A>
  /** `context` is made only when somebody listens. */
  readonly tell: (name: string, context: () => object) => void
}

/** Tells nobody. */
export const noDiagnostics: Diagnostics = {
  tell: () => {},
  trace: (_name, _context, operation) => operation(),
}
