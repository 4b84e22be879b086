/** What administrators do with messages. */
import type { Handlers } from "./AdminWords.ts"
import * as DeadLetters from "./deadLetters.ts"
import * as Queries from "./messageQueries.ts"
import * as Reads from "./messageReads.ts"
import * as Sends from "./messageSends.ts"

export const handlers: Handlers = { ...DeadLetters.handlers, ...Queries.handlers, ...Reads.handlers, ...Sends.handlers }
