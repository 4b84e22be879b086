/**
 * Tells whether code under a simulation goes round its ports: wraps the process's own clocks, timers, randomness,
 * promises, files, sockets and processes with recorders while a synchronous run takes place. It records and does not throw, because a scheduler
 * that catches a throwing `setImmediate` would fall back to a microtask and go on unseen.
 */
import child_process from "node:child_process"
import crypto, { webcrypto } from "node:crypto"
import dgram from "node:dgram"
import dns from "node:dns"
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import net from "node:net"

/** What was reached for, and from where. */
export interface Reach {
  readonly what: string
  /** The caller's line of the stack, as far as it is known. */
  readonly from: string
}

/** Runs `run` and answers its result with everything that it reached for outside the simulation. */
export const guarded = <A>(run: () => A): { readonly result: A; readonly reached: ReadonlyArray<Reach> } => {
  const reached: Array<Reach> = []
  const restore = recorders((what) => reached.push({ from: callerOf(new Error("reached").stack), what }))
  try {
    return { reached, result: run() }
  } finally {
    restore()
  }
}

/** Runs `run`, and throws when it reached for anything outside the simulation. */
export const closed = <A>(run: () => A): A => {
  const { reached, result } = guarded(run)
  if (reached.length > 0) {
    const lines = new Set(reached.map(({ from, what }) => `  ${what} ${from}`))
    throw new Error(`the simulation is not closed; use the ports of src/infra instead:\n${[...lines].join("\n")}`)
  }
  return result
}

type Holder = Record<string, unknown>

const methods: ReadonlyArray<readonly [string, object, string]> = [
  ["setTimeout", globalThis, "setTimeout"],
  ["setInterval", globalThis, "setInterval"],
  ["setImmediate", globalThis, "setImmediate"],
  ["queueMicrotask", globalThis, "queueMicrotask"],
  ["process.nextTick", process, "nextTick"],
  ["process.hrtime", process, "hrtime"],
  ["process.hrtime.bigint", process.hrtime, "bigint"],
  ["performance.now", performance, "now"],
  ["Math.random", Math, "random"],
  ["crypto.getRandomValues", webcrypto, "getRandomValues"],
  ["crypto.randomUUID", webcrypto, "randomUUID"],
  ["a promise", Promise.prototype, "then"],
]

/** Modules that reach the machine, all of their functions; of `crypto` those that are not functions of their input. */
const modules: Readonly<Record<string, object>> = { child_process, dgram, dns, fs, "fs.promises": fs.promises, net }
const randomness = ["randomBytes", "randomFill", "randomFillSync", "randomInt", "randomUUID", "generateKeyPairSync"]

/** Classes stay as they are, so that `instanceof` does: whoever makes one of them calls a function in the end. */
const isFunctionOf = (module: object, name: string): boolean =>
  /^[a-z]/.test(name) && typeof (module as Holder)[name] === "function"

const reaching: ReadonlyArray<readonly [string, object, string]> = [
  ...Object.entries(modules).flatMap(([label, module]) =>
    Object.keys(module)
      .filter((name) => isFunctionOf(module, name))
      .map((name) => [`${label}.${name}`, module, name] as const),
  ),
  ...randomness.map((name) => [`crypto.${name}`, crypto, name] as const),
  ["net.Socket.connect", net.Socket.prototype, "connect"],
  ["net.Server.listen", net.Server.prototype, "listen"],
]

const recorders = (record: (what: string) => void): (() => void) => {
  const undo: Array<() => void> = []
  const replace = (holder: object, name: string, value: unknown): void => {
    const before = Object.getOwnPropertyDescriptor(holder, name)
    Object.defineProperty(holder, name, { configurable: true, value, writable: true })
    undo.push(() => {
      if (before === undefined) delete (holder as Holder)[name]
      else Object.defineProperty(holder, name, before)
    })
  }
  const watch = (original: object, what: string): unknown =>
    new Proxy(original, {
      apply: (target, self, args) => {
        record(what)
        return Reflect.apply(target as () => unknown, self, args)
      },
    })
  // `process.hrtime.bigint` is wrapped on the original function, and seen through the proxy around it.
  for (const [what, holder, name] of [...reaching, ...methods].toReversed()) {
    replace(holder, name, watch((holder as Holder)[name] as object, what))
  }
  // So that `import { readFileSync } from "node:fs"` sees them too.
  syncBuiltinESMExports()
  const { now } = Date
  replace(Date, "now", watch(now, "Date.now"))
  replace(
    globalThis,
    "Date",
    new Proxy(Date, {
      apply: (target, self, args) => {
        record("Date()")
        return Reflect.apply(target, self, args)
      },
      construct: (target, args, newTarget) => {
        if (args.length === 0) record("new Date()")
        return Reflect.construct(target, args, newTarget) as object
      },
    }),
  )
  return () => {
    for (const step of undo.toReversed()) step()
    syncBuiltinESMExports()
  }
}

/** The first line of a stack that is not of this file. */
const callerOf = (stack = ""): string =>
  stack
    .split("\n")
    .slice(1)
    .find((line) => !line.includes(import.meta.url.split("/").at(-1)!))
    ?.trim() ?? "from an unknown place"
