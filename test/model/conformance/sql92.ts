/** Vectors of sql92.json and sql92-drawn.json: SQL92 filters, and what a broker delivers by them. */
import * as Sql92 from "../../../src/domain/Sql92.ts"
import type { Account } from "./Account.ts"

const words = ["false", "true", "null", "eval-error"] as const

export const account: Account = {
  checks: {
    filter: {
      run: ({ expected, expression, properties }) => {
        const filter = Sql92.compile(expression)
        if (!Sql92.isFilter(filter)) return { ...expected, result: "parse-error" }
        const view = Sql92.viewOf(filter, new Map(Object.entries(properties ?? {})))
        return { delivered: Sql92.matches(filter, view), result: words[filter.test(view)] }
      },
    },
  },
  fnOf: () => "filter",
}
