import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Gantry } from "gantry-mq/effect"

const namesrvAddr = process.env["NAMESRV_ADDR"] ?? "127.0.0.1:9876"

const program = Effect.gen(function* () {
  const gantry = yield* Gantry
  const producer = yield* gantry.producer({ group: "shop" })
  const { status } = yield* producer.send({ topic: "effects", body: "hello" })
  console.log(status)

  // Joins the group now, and leaves it when the scope closes, after the handlers at work have ended.
  const handled = yield* Deferred.make<string>()
  yield* gantry.consume({
    group: "billing-effect",
    subscriptions: ["effects"],
    consumeFromWhere: "first",
    eachMessage: (message) => Deferred.succeed(handled, message.text()),
  })
  console.log("handled", yield* Deferred.await(handled))

  const reader = yield* gantry.pullConsumer({
    group: "reports-effect",
    subscriptions: ["effects"],
    consumeFromWhere: "first",
  })
  const [first] = yield* reader.messages.pipe(Stream.take(1), Stream.runCollect)
  console.log("read", first?.text())

  // Errors are typed and tagged, with a code and whether to try again.
  const code = yield* producer.send({ topic: "effects", body: "" }).pipe(
    Effect.map(({ status }) => status),
    Effect.catchTag("ArgumentError", (error) => Effect.succeed(error.code)),
  )
  console.log(code)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Gantry.layer({ namesrvAddr }))))
