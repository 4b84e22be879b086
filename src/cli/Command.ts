/** What a command of the command line is: its words for people, its options, and where its code lies. */
import type { Call } from "./Call.ts"

export interface Option {
  /** One letter, for `-n`. */
  readonly short?: string
  /** What stands for the value in the help, as in `--port NUMBER`; a switch has none. */
  readonly value?: string
  /** May be given several times. */
  readonly many?: true
  readonly help: string
}

export type Options = Readonly<Record<string, Option>>

export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What follows the options, as in `TOPIC [BODY]`. */
  readonly operands: string
  readonly operandsMin: number
  readonly operandsMax: number
  readonly options: Options
  /** It has commands of its own: its words are handed to it unread, as operands. */
  readonly isFamily?: true
  /** What the help says below the options: a paragraph, examples. */
  readonly details: string
  /** Loads the code. Only the chosen command's is loaded: a command starts as fast as what it needs. */
  readonly load: () => Promise<Runnable>
}

export interface Runnable {
  /** Answers the exit code. A failure that a person can mend is thrown as a `CliFault`. */
  readonly run: (call: Call) => Promise<number>
}
