import { Version } from "../../format/Version.ts"

const releases: ReadonlyMap<number, string> = new Map(
  Object.entries(Version).map(([name, ordinal]) => [
    ordinal,
    name.replaceAll("_", ".").replace(/^V/, "").replace(".SNAPSHOT", ""),
  ]),
)

/** The release that a client announces; those that are not known by name keep their number in RocketMQ's list. */
export const printVersion = (ordinal: number): string => releases.get(ordinal) ?? `#${ordinal}`
