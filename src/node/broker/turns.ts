/** Work that is too much for one turn of the event loop. */
import type { Call } from "../../infra/remoting/Call.ts"
import type { World } from "../../infra/world/World.ts"

/**
 * Runs `step` for each item, `perTurn` of them in a turn, so that the traffic goes on between; then `done`. Stops when
 * `step` answers false, which has then ended the call, and when nobody waits for the answer any more.
 */
export const inTurns = <T>(
  world: World,
  call: Call,
  items: Iterable<T>,
  perTurn: number,
  step: (item: T) => boolean,
  done: () => void,
): void => {
  const iterator = items[Symbol.iterator]()
  const turn = (): void => {
    if (call.connection.isClosed) return call.drop()
    for (let left = perTurn; left > 0; left--) {
      const next = iterator.next()
      if (next.done === true) return done()
      if (!step(next.value)) return
    }
    world.clock.soon(turn)
  }
  turn()
}
