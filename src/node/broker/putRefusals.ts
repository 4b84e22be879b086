/** What a client is answered when the store does not take its message: why, and what to do. */
import * as Properties from "../../domain/Properties.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import type { PutRefusal } from "../../infra/store/MessageStore.ts"

/** How the store's refusals are told on the wire. */
export const putRefusals: Readonly<
  Record<PutRefusal, { readonly code: number; readonly remark: (maxMessageSize: number) => string }>
> = {
  Busy: {
    code: ResponseCode.SYSTEM_BUSY,
    remark: () =>
      "[PCBUSY_CLEAN_QUEUE]broker busy: the disk does not keep up. Not stored; try again, or another broker.",
  },
  Closed: {
    code: ResponseCode.SERVICE_NOT_AVAILABLE,
    remark: () => "the store is closed: the broker is stopping or its disk failed. Send to another broker.",
  },
  DiskFull: {
    code: ResponseCode.SERVICE_NOT_AVAILABLE,
    remark: () =>
      "the broker's disk is full: sends are refused, reads go on. Free some space or send to another broker.",
  },
  MessageTooLarge: {
    code: ResponseCode.MESSAGE_ILLEGAL,
    remark: (max) => `the message is too large: maxMessageSize is ${max} bytes. Send less, or raise it on the broker.`,
  },
  PropertiesTooLarge: {
    code: ResponseCode.MESSAGE_ILLEGAL,
    remark: () =>
      `the message's properties are too large: at most ${Properties.sizeBytesMax} bytes, those of the broker included.`,
  },
}
