/**
 * UTF-8 text in bytes. Node's own decoder replaces what is not UTF-8 by U+FFFD, which would let two different byte
 * strings name one topic; at the border such text is refused instead.
 */
const replacement = "\uFFFD"

/** The text of `buffer[start, end)`; undefined if it is not well-formed UTF-8. The range must lie inside. */
export const read = (buffer: Buffer, start: number, end: number): string | undefined => {
  const text = buffer.toString("utf8", start, end)
  // Only text that holds the replacement character can hide bad bytes, and genuine U+FFFD is encoded back unchanged.
  if (!text.includes(replacement)) return text
  return Buffer.from(text, "utf8").compare(buffer, start, end) === 0 ? text : undefined
}

/** The text of `buffer[start, end)`, bad bytes replaced by U+FFFD: for what is already stored and must stay readable. */
export const readLossy = (buffer: Buffer, start: number, end: number): string => buffer.toString("utf8", start, end)
