/** The name server's settings from options and property file; what they may be is told by NamesrvConfig. */
import * as NamesrvConfig from "../node/nameserver/NamesrvConfig.ts"
import type { Entry } from "../format/PropertyFile.ts"
import type { Read } from "./settings.ts"
import { isLoopback } from "./brokerSettings.ts"

/** Reads the entries, least important first. Unlike RocketMQ's, the server listens on the loopback unless told. */
export const readNamesrv = (entries: ReadonlyArray<Entry>, home: string): Read<NamesrvConfig.NamesrvConfig> => {
  let settings: NamesrvConfig.NamesrvConfig = { ...NamesrvConfig.defaults(home), bindAddress: "127.0.0.1" }
  const given = new Set<string>()
  const problems: Array<string> = []
  const unused = new Set<string>()
  const warnings: Array<string> = []
  for (const { from, name, value } of entries) {
    const parsed = NamesrvConfig.parse([[name, value]], settings)
    const told = parsed.problems.map((problem) => `${from}: ${problem}`)
    if (told.length === 0) {
      settings = parsed.config
      for (const meaningless of parsed.meaningless) unused.add(meaningless)
      given.add(name)
    } else (Object.hasOwn(settings, name) ? problems : warnings).push(...told)
  }
  if (unused.size > 0)
    warnings.push(`RocketMQ knows these settings, and Gantry does not use them: ${[...unused].toSorted().join(", ")}.`)
  if (!isLoopback(settings.bindAddress))
    warnings.push(
      `The name server listens on ${settings.bindAddress} without authentication: whoever reaches it can change routes.`,
    )
  return { given, problems, settings, warnings }
}
