/** Randomness, as a port. Not for secrets. */
export interface Random {
  /** A uniform integer in [0, 2^32). */
  readonly u32: () => number
  /** A uniform integer in [0, bound). */
  readonly below: (bound: number) => number
}
