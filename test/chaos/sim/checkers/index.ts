/** All checkers. */
import type { Checker } from "./Checker.ts"
import { decided } from "./decided.ts"
import { durable } from "./durable.ts"
import { followed } from "./followed.ts"
import { forward } from "./forward.ts"
import { onTime } from "./onTime.ts"
import { oneTruth } from "./oneTruth.ts"
import { ordered } from "./ordered.ts"
import { progressKept } from "./progressKept.ts"
import { readable } from "./readable.ts"
import { settled } from "./settled.ts"
import { shared } from "./shared.ts"
import { sound } from "./sound.ts"
import { storedOrder } from "./storedOrder.ts"

export const checkers: ReadonlyArray<Checker> = [
  sound,
  durable,
  storedOrder,
  readable,
  settled,
  decided,
  ordered,
  forward,
  shared,
  onTime,
  progressKept,
  followed,
  oneTruth,
]
