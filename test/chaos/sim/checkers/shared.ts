import type { Checker } from "./Checker.ts"

/** P3: when everything has come to rest, each queue of a group's topics is one member's. */
export const shared: Checker = {
  *check({ owners, settings }) {
    for (const group of settings.groups) {
      for (const [queue, members] of owners.get(group.name) ?? [])
        if (members.length !== 1)
          yield `${queue} of ${group.name} is ${members.length === 0 ? "nobody's" : `owned by ${members.join(" and ")}`}`
    }
  },
  name: "shared",
  promise: "P3",
}
