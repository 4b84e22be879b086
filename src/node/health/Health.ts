/**
 * Health and readiness of a server, over HTTP: `/healthz` says whether it should be left running, `/readyz` whether it
 * takes requests, `/metrics` how it does. Off unless `httpPort` names a port.
 *
 *   starting → ready → stopping     and from each to failed, which is not healthy
 *
 * At its end a server is not ready first, and its pages are the last thing to go.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Http from "../../format/Http.ts"
import { HttpPages } from "../../infra/http/HttpPages.ts"
import type { World } from "../../infra/world/World.ts"

export type Phase = "starting" | "ready" | "stopping"

export class Health {
  #phase: Phase = "starting"
  #failure: string | undefined
  /** What `/metrics` answers, once there is something to measure. */
  metrics: () => string = () => ""

  get phase(): Phase {
    return this.#phase
  }

  becomes(phase: Phase): void {
    this.#phase = phase
  }

  /** The server cannot go on: it must be started again. */
  failed(reason: string): void {
    this.#failure = reason
  }

  readonly pages = new Map<string, () => Http.HttpAnswer>([
    ["/healthz", () => this.#say(this.#failure === undefined)],
    ["/readyz", () => this.#say(this.#failure === undefined && this.#phase === "ready")],
    [
      "/metrics",
      () => ({ body: this.metrics(), contentType: "text/plain; version=0.0.4; charset=utf-8", status: 200 }) as const,
    ],
  ])

  #say(isFine: boolean): Http.HttpAnswer {
    const reason = this.#failure === undefined ? {} : { reason: this.#failure }
    return Http.json(isFine ? 200 : 503, { status: this.#failure === undefined ? this.#phase : "failed", ...reason })
  }
}

export interface HealthSettings {
  /** 0: no pages. */
  readonly httpPort: number
  readonly httpAddress: string
}

/** Serves the pages until the scope ends; fails with a sentence when the port cannot be had. */
export const serve = (
  health: Health,
  { httpAddress: host, httpPort: port }: HealthSettings,
  world: World,
): Effect.Effect<void, string, Scope.Scope> => {
  if (port === 0) return Effect.void
  const opened = Effect.callback<HttpPages, string>((resume) => {
    const pages = new HttpPages(world, health.pages)
    pages.listen(world.network, { host, port }, (error) =>
      resume(
        error === undefined
          ? Effect.succeed(pages)
          : Effect.fail(`Health cannot be told on ${host}:${port}: ${error.message}. Set httpAddress and httpPort.`),
      ),
    )
  })
  return Effect.asVoid(Effect.acquireRelease(opened, closed))
}

const closed = (pages: HttpPages): Effect.Effect<void> =>
  Effect.callback((resume) => pages.close(() => resume(Effect.void)))

/** In the scope of a server that is up: ready from now on, and not any more as soon as it is told to end. */
export const ready = (health: Health): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => health.becomes("ready")),
    () => Effect.sync(() => health.becomes("stopping")),
  )
