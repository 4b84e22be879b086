/** All kinds of faults. The order counts for the trace of a seed: new ones go to the end. */
import { brokenConnections } from "./brokenConnections.ts"
import { clientCrash } from "./clientCrash.ts"
import { clockJump } from "./clockJump.ts"
import { crumbs } from "./crumbs.ts"
import { failingDisk, failingSync } from "./failingSync.ts"
import type { Fault } from "./Fault.ts"
import { foulWeather } from "./foulWeather.ts"
import { fullDisk } from "./fullDisk.ts"
import { garbage } from "./garbage.ts"
import { nameServerRestart } from "./nameServerRestart.ts"
import { offsetReset } from "./offsetReset.ts"
import { oneWay } from "./oneWay.ts"
import { orderlyRestart } from "./orderlyRestart.ts"
import { partition } from "./partition.ts"
import { otherDelayLevels } from "./otherDelayLevels.ts"
import { pause } from "./pause.ts"
import { powerCut } from "./powerCut.ts"
import { powerCutAtBoundary } from "./powerCutAtBoundary.ts"
import { processKill } from "./processKill.ts"
import { rottenRead } from "./rottenRead.ts"
import { slowSync } from "./slowSync.ts"

export const faults: ReadonlyArray<Fault> = [
  powerCut,
  processKill,
  orderlyRestart,
  nameServerRestart,
  partition,
  oneWay,
  brokenConnections,
  foulWeather,
  clockJump,
  pause,
  slowSync,
  failingSync,
  clientCrash,
  powerCutAtBoundary,
  failingDisk,
  fullDisk,
  crumbs,
  rottenRead,
  garbage,
  otherDelayLevels,
  offsetReset,
]
