/**
 * Runs a server until it is told to stop. SIGTERM, SIGINT and SIGHUP close its scope: it stops accepting, takes its
 * leave of the name servers, answers what it owes, flushes and ends with 0; a second one ends it at once. A failure
 * ends it with 1 and its sentence.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { CliFault } from "./CliFault.ts"

const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const

/** `server` starts the server in the scope, says that it is ready, and then waits, for ever or for a failure. */
export const serve = (server: Effect.Effect<never, Error, Scope.Scope>): Promise<number> =>
  new Promise((resolve, reject) => {
    let stop: (() => void) | undefined
    let isStopping = false
    // Before the server starts: a signal that comes while it starts must close what is open by then.
    for (const [signal, number] of Object.entries(signals)) {
      process.on(signal, () => {
        if (isStopping) process.exit(128 + number)
        isStopping = true
        stop?.()
      })
    }
    // The timers of a server keep no process alive, and its sockets are gone before it has ended.
    const held = setInterval(() => {}, 2 ** 30)
    const fiber = Effect.runFork(Effect.scoped(server))
    stop = () => fiber.interruptUnsafe()
    if (isStopping) stop()
    fiber.addObserver((exit) => {
      clearInterval(held)
      if (exit._tag === "Success" || Cause.hasInterruptsOnly(exit.cause)) return resolve(0)
      const error = Cause.squash(exit.cause)
      const isFault = Cause.hasFails(exit.cause) && error instanceof Error
      reject(isFault ? new CliFault(error.message) : error)
    })
  })
