/** Who accounts for which golden file. */
import type { Account } from "./Account.ts"
import { account as allocation } from "./allocation.ts"
import { account as delay } from "./delay.ts"
import { account as faultTolerance } from "./faultTolerance.ts"
import { account as hashing } from "./hashing.ts"
import { account as messageId } from "./messageId.ts"
import { account as names } from "./names.ts"
import { account as offsets } from "./offsets.ts"
import { account as remotingHeader } from "./remotingHeader.ts"
import { account as sql92 } from "./sql92.ts"
import { account as storeRecords } from "./storeRecords.ts"
import { account as tagSubscription } from "./tagSubscription.ts"
import { account as transaction } from "./transaction.ts"
import { account as validation } from "./validation.ts"

export const accounts: Readonly<Record<string, Account>> = {
  allocation,
  delay,
  "fault-tolerance": faultTolerance,
  hashing,
  "message-id": messageId,
  names,
  offsets,
  "remoting-header": remotingHeader,
  sql92,
  "sql92-drawn": sql92,
  "store-records": storeRecords,
  "tag-subscription": tagSubscription,
  transaction,
  validation,
}
