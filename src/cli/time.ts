const unitsMs: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 }

/**
 * A moment as people write it, in ms: `2026-01-31T08:00` or `2026-01-31` (local time unless a zone is given), ms since
 * 1970 in 13 digits, or an age such as `90s`, `10m`, `2h`, `1d`. Undefined when it is none of these.
 */
export const readTime = (text: string, nowMs: number): number | undefined => {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  if (count !== undefined && unit !== undefined) return nowMs - Number(count) * unitsMs[unit]!
  if (/^\d{13}$/.test(text)) return Number(text)
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(text)) return undefined
  const timeMs = Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(" ", "T"))
  return Number.isNaN(timeMs) ? undefined : timeMs
}

/** Local time to the millisecond, as `2026-01-31 08:00:00.000`. */
export const printTime = (timeMs: number): string => {
  const date = new Date(timeMs)
  const local = new Date(timeMs - date.getTimezoneOffset() * 60_000)
  return local.toISOString().replace("T", " ").replace("Z", "")
}
