/** From the core's callbacks to promises. */
import { GantryError } from "./GantryError.ts"

/**
 * A promise of one outcome. `begin` is handed the callback and answers what forgets the call; it may throw what is wrong
 * with the call. An aborted signal forgets the call and rejects with the signal's reason.
 */
export const promiseOf = <A>(
  begin: (done: (outcome: A | GantryError) => void) => (() => void) | void,
  signal?: AbortSignal,
): Promise<A> =>
  new Promise<A>((resolve, reject) => {
    if (signal?.aborted === true) throw signal.reason
    let forget: (() => void) | void
    const abort = (): void => {
      forget?.()
      reject(signal!.reason)
    }
    signal?.addEventListener("abort", abort, { once: true })
    try {
      forget = begin((outcome) => {
        signal?.removeEventListener("abort", abort)
        if (outcome instanceof GantryError) reject(outcome)
        else resolve(outcome)
      })
    } catch (error) {
      signal?.removeEventListener("abort", abort)
      throw error
    }
  })
