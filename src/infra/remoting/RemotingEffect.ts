/** The remoting client for Effect code: loops and cold requests. Kept apart, so that the hot path does not load Effect. */
import * as Effect from "effect/Effect"
import type { Command } from "../../format/Command.ts"
import type { Address } from "../network/Network.ts"
import type { RemotingClient } from "./RemotingClient.ts"
import type { Request } from "./RemotingConnection.ts"
import { RemotingError } from "./RemotingError.ts"

/** Asks and waits for the answer, whatever its code. Interruption forgets the request. */
export const ask = (
  client: RemotingClient,
  address: Address,
  request: Request,
  timeoutMs: number,
): Effect.Effect<Command, RemotingError> =>
  Effect.callback<Command, RemotingError>((resume) => {
    const opaque = client.ask(address, request, timeoutMs, (outcome) =>
      resume(outcome instanceof RemotingError ? Effect.fail(outcome) : Effect.succeed(outcome)),
    )
    return opaque === undefined ? undefined : Effect.sync(() => client.cancel(opaque))
  })
