import type { Random } from "./Random.ts"

/** The process's own generator: differs from run to run. Not for secrets. */
export const nodeRandom: Random = {
  below: (bound) => Math.floor(Math.random() * bound),
  u32: () => Math.floor(Math.random() * 0x1_0000_0000),
}
