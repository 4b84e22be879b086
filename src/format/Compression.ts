/**
 * Bodies that a client compressed: zlib (RFC 1950), LZ4 frames, zstd frames. The broker stores and serves them as they
 * are; clients inflate. A stream may claim any size, so every inflation has a bound (promise P11).
 * Source: spec/wire.md, sysFlag bits of a message.
 */
import { constants, deflateSync, inflateSync, zstdCompressSync, zstdDecompressSync } from "node:zlib"
import type { CompressionType } from "../domain/SysFlag.ts"
import * as Lz4Frame from "./Lz4Frame.ts"
import { Malformed } from "./Malformed.ts"

/** Most bytes that a body may inflate to unless the caller says otherwise: beyond what any client sends by default. */
export const inflatedSizeMax = 64 * 1024 * 1024

/** Inflates a body to at most `sizeMax` bytes. */
export const decompress = (type: CompressionType, body: Buffer, sizeMax = inflatedSizeMax): Buffer | Malformed => {
  try {
    switch (type) {
      case "ZLIB":
        return inflateSync(body, { maxOutputLength: sizeMax })
      case "ZSTD":
        return zstdDecompressSync(body, { maxOutputLength: sizeMax })
      case "LZ4":
        return Lz4Frame.decompress(body, sizeMax)
    }
  } catch (error) {
    return new Malformed(type, error instanceof Error ? error.message : String(error))
  }
}

/** Compresses a body; `level` is zlib's (1 to 9), 5 as Java clients have it. */
export const compress = (type: CompressionType, body: Buffer, level = 5): Buffer => {
  switch (type) {
    case "ZLIB":
      return deflateSync(body, { level })
    case "ZSTD":
      return zstdCompressSync(body, { params: { [constants.ZSTD_c_compressionLevel]: level } })
    case "LZ4":
      return Lz4Frame.compress(body)
  }
}
