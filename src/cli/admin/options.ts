/** Values of options as mqadmin takes them. What is not understood is refused before anything is asked of a cluster. */
import { readFileSync } from "node:fs"
import * as LenientJson from "../../format/LenientJson.ts"
import { Malformed } from "../../format/Malformed.ts"
import type { Call } from "../Call.ts"
import { CliFault } from "../CliFault.ts"
import { readTime } from "../time.ts"

/** `true` or `false`, in any case. */
export const flagOf = (call: Call, name: string): boolean | undefined => {
  const text = call.text(name)?.toLowerCase()
  if (text === undefined) return undefined
  if (text === "true" || text === "false") return text === "true"
  throw call.refusal(`--${name} ${call.text(name)} is neither true nor false.`)
}

/**
 * A time: `now`, ms since 1970, mqadmin's `yyyy-MM-dd#HH:mm:ss:SSS`, or as `gantry consume --from` takes it
 * (2026-01-31T08:00, an age such as 10m).
 */
export const timeOf = (call: Call, name: string): number | undefined => {
  const text = call.text(name)
  if (text === undefined) return undefined
  if (text === "now" || text === "currentTimeMillis") return Date.now()
  if (/^\d{1,15}$/.test(text)) return Number(text)
  const [, date, time, ms] = /^(\d{4}-\d{2}-\d{2})#(\d{2}:\d{2}:\d{2}):(\d{3})$/.exec(text) ?? []
  const read = readTime(date === undefined ? text : `${date}T${time}.${ms}`, Date.now())
  if (read !== undefined) return read
  throw call.refusal(
    `--${name} ${text} is no time: now, ms since 1970, 2026-01-31#08:00:00:000, 2026-01-31T08:00, or an age such as 10m.`,
  )
}

/** Texts joined by commas or semicolons. */
export const listOf = (call: Call, name: string): ReadonlyArray<string> =>
  (call.text(name) ?? "")
    .split(/[,;]/)
    .map((part) => part.trim())
    .filter((part) => part !== "")

const permissions = { "2": 2, "4": 4, "6": 6 } as const

/** 2 write, 4 read, 6 both. */
export const permOf = (call: Call, name: string): number | undefined => {
  const text = call.text(name)
  if (text === undefined) return undefined
  if (Object.hasOwn(permissions, text)) return permissions[text as keyof typeof permissions]
  throw call.refusal(`--${name} ${text} is none of 2 (write), 4 (read), 6 (both).`)
}

/** A port's worth of an int32 that may not be negative. */
export const intMax = 2 ** 31 - 1
/** An offset is a number that Node can count exactly. */
export const offsetMax = Number.MAX_SAFE_INTEGER

/** The list that a JSON file holds, read item by item. */
export const fileOf = <T>(call: Call, read: (json: LenientJson.Json) => T | Malformed): ReadonlyArray<T> => {
  const file = call.text("filename")!
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch (error) {
    throw new CliFault(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code}. Check the path after -f.`)
  }
  const json = LenientJson.parse(text)
  if (json instanceof Malformed) throw new CliFault(`${file} is no JSON: ${json.message}. Nothing was changed.`)
  if (!Array.isArray(json) || json.length === 0) throw new CliFault(`${file} holds no list. Nothing was changed.`)
  return (json as ReadonlyArray<LenientJson.Json>).map((item, at) => {
    const value = read(item)
    if (value instanceof Malformed)
      throw new CliFault(`${file}, item ${at + 1}: ${value.message}. Nothing was changed.`)
    return value
  })
}
