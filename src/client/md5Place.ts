import { createHash } from "node:crypto"

/** The place of a text on RocketMQ's hash ring: the first four bytes of its MD5, big-endian, unsigned. */
export const md5Place = (text: string): number => createHash("md5").update(text, "utf8").digest().readUInt32BE(0)
