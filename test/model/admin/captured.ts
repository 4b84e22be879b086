import { run } from "../../../src/cli/run.ts"

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a command line of `gantry` in this process; answers what it printed. */
export const captured = async (words: ReadonlyArray<string>): Promise<Ran> => {
  const written = { err: "", out: "" }
  const [out, err] = [process.stdout.write, process.stderr.write]
  process.stdout.write = ((text: string) => (written.out += text) !== "") as typeof out
  process.stderr.write = ((text: string) => (written.err += text) !== "") as typeof err
  try {
    const code = await run(words)
    return { code, ...written }
  } finally {
    process.stdout.write = out
    process.stderr.write = err
    process.stdout.removeAllListeners("error")
  }
}
