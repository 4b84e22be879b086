/**
 * The nearest of some known words to a mistyped one: "did you mean …" in refusals, options and commands.
 *
 * Laws (test/model/domain/Nearest.test.ts)
 *   known     the answer is one of the known words
 *   near      its distance to the word is at most a third of the word's length (at least 1)
 *   nearest   no known word is nearer; of equally near ones the first wins
 */

/** The known word nearest to `word`, or undefined when none is near enough to be a typing mistake. */
export const nearest = (word: string, known: Iterable<string>): string | undefined => {
  const wanted = word.toLowerCase()
  let best: string | undefined
  let bestDistance = distanceMax(word) + 1
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue
    const distance = distanceOf(wanted, candidate.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** " Did you mean X?" with a leading blank, or nothing: to be added to a remark. */
export const hint = (word: string, known: Iterable<string>): string => {
  const found = nearest(word, known)
  return found === undefined || found === word ? "" : ` Did you mean ${found}?`
}

/** The farthest distance that still counts as a typing mistake. */
export const distanceMax = (word: string): number => Math.max(1, Math.floor(word.length / 3))

/** Insertions, deletions, replacements and swaps of neighbours between two words; `limit` or more is only "too far". */
export const distanceOf = (left: string, right: string, limit = Number.POSITIVE_INFINITY): number => {
  let before: Array<number> = []
  let above = Array.from({ length: right.length + 1 }, (_, i) => i)
  for (let i = 1; i <= left.length; i++) {
    const row = [i]
    let least = i
    for (let j = 1; j <= right.length; j++) {
      const same = left.charCodeAt(i - 1) === right.charCodeAt(j - 1)
      let cost = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (same ? 0 : 1))
      const swapped =
        i > 1 &&
        j > 1 &&
        left.charCodeAt(i - 1) === right.charCodeAt(j - 2) &&
        left.charCodeAt(i - 2) === right.charCodeAt(j - 1)
      if (swapped) cost = Math.min(cost, before[j - 2]! + 1)
      row.push(cost)
      least = Math.min(least, cost)
    }
    // A swap looks back two rows, so only two hopeless rows in a row settle it.
    if (least >= limit && Math.min(...above) >= limit) return limit
    before = above
    above = row
  }
  return above[right.length]!
}
