import * as diagnostics from "node:diagnostics_channel"
import type { Diagnostics } from "./Diagnostics.ts"

type Tracing = diagnostics.TracingChannel<object, object>

const tracings = new Map<string, Tracing>()
const channels = new Map<string, diagnostics.Channel>()

const tracingOf = (name: string): Tracing => {
  let tracing = tracings.get(name)
  if (tracing === undefined) tracings.set(name, (tracing = diagnostics.tracingChannel(name)))
  return tracing
}

const channelOf = (name: string): diagnostics.Channel => {
  let channel = channels.get(name)
  if (channel === undefined) channels.set(name, (channel = diagnostics.channel(name)))
  return channel
}

/**
 * The process's `diagnostics_channel`: operations are tracing channels (`tracing:<name>:start`, `…:asyncEnd`, `…:error`),
 * events plain ones.
 */
export const nodeDiagnostics: Diagnostics = {
  tell: (name, context) => {
    const channel = channelOf(name)
    if (channel.hasSubscribers) channel.publish(context())
  },
  trace: (name, context, operation) => {
    const tracing = tracingOf(name)
    return tracing.hasSubscribers ? tracing.tracePromise(operation, context) : operation()
  },
}
