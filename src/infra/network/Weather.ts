/** How a simulated network behaves between all hosts. Times in milliseconds, each drawn anew within its range. */
export interface Weather {
  /** One way, per segment. */
  readonly latencyMs: readonly [number, number]
  /** Probability per segment that it, and what is behind it, is held up as by a lost packet. */
  readonly stallChance: number
  readonly stallMs: readonly [number, number]
  /** Probability per segment that the connection breaks there: what was not delivered is lost, both ends see a reset. */
  readonly breakChance: number
  /** Probability that a segment is cut at a random byte instead of taking all that is waiting. */
  readonly splitChance: number
  readonly segmentBytesMax: number
  /** Per connection and direction. */
  readonly bytesPerMs: number
  /** What one direction carries at most, received and not read included; then the sender's buffer fills. */
  readonly windowBytes: number
  /** `write` answers false from here on. */
  readonly highWaterBytes: number
  /** An end that could not get its bytes through for so long gives the connection up. */
  readonly giveUpMs: number
}

/** A local network on a good day. Chunks are split and merged all the same: no program may rely on their borders. */
export const fairWeather: Weather = {
  breakChance: 0,
  bytesPerMs: 1_000_000,
  giveUpMs: 15_000,
  highWaterBytes: 64 * 1024,
  latencyMs: [0.02, 0.5],
  segmentBytesMax: 64 * 1024,
  splitChance: 0.2,
  stallChance: 0,
  stallMs: [1, 50],
  windowBytes: 256 * 1024,
}

/** Slow, uneven and breaking: each connection lives for some thousand segments. */
export const foulWeather: Weather = {
  ...fairWeather,
  breakChance: 0.0005,
  bytesPerMs: 10_000,
  latencyMs: [0.2, 20],
  splitChance: 0.5,
  stallChance: 0.01,
  stallMs: [10, 2000],
}
