/** How often the application of a group fails with a message before it succeeds: drawn from the names alone. */
import { hashCode } from "../../../../src/domain/JavaString.ts"

export const failuresOf = (group: string, key: string): number => {
  const draw = Math.abs(hashCode(`${key}@${group}#`) >> 4) % 20
  if (draw < 16) return 0
  return draw < 18 ? 1 : draw < 19 ? 2 : Number.POSITIVE_INFINITY
}
