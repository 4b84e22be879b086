import type { Checker } from "./Checker.ts"

/** P11: no server ends, refuses to start, or throws in a handler without a fault of its machine; no bytes are wrong. */
export const sound: Checker = {
  *check({ history }) {
    yield* history.defects
  },
  isOfLog: true,
  name: "sound",
  promise: "P11",
}
