/** A failure with a sentence for the person at the keyboard: what went wrong, why, and what to do. No stack trace. */
export class CliFault extends Error {
  override readonly name = "CliFault"
  readonly _tag = "CliFault"
  readonly exitCode: number
  constructor(message: string, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** The exit code of a command line that was not understood. */
export const usageExitCode = 2
