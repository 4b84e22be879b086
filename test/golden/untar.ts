/**
 * Reads a tar archive, gzipped or not, from bytes: regular files only, by their path. Knows the ustar header, the long
 * names of GNU tar and of pax, which is what `tar` writes.
 */
import { gunzipSync } from "node:zlib"

const blockBytes = 512

export const untar = (archive: Buffer): Map<string, Buffer> => {
  const bytes = archive[0] === 0x1f && archive[1] === 0x8b ? gunzipSync(archive) : archive
  const files = new Map<string, Buffer>()
  let longName: string | undefined
  for (let at = 0; at + blockBytes <= bytes.length && bytes[at] !== 0; ) {
    const sizeBytes = Number.parseInt(text(bytes, at + 124, 12), 8)
    const content = bytes.subarray(at + blockBytes, at + blockBytes + sizeBytes)
    const type = String.fromCharCode(bytes[at + 156] as number)
    if (type === "L") longName = text(content, 0, content.length)
    else if (type === "x") longName = /(?:^|\n)\d+ path=([^\n]*)/.exec(content.toString("utf8"))?.[1]
    else {
      if (type === "0" || type === "\0") files.set(longName ?? nameOf(bytes, at), content)
      longName = undefined
    }
    at += blockBytes + Math.ceil(sizeBytes / blockBytes) * blockBytes
  }
  return files
}

const nameOf = (bytes: Buffer, at: number): string => {
  const prefix = text(bytes, at + 257, 5) === "ustar" ? text(bytes, at + 345, 155) : ""
  const name = text(bytes, at, 100)
  return prefix === "" ? name : `${prefix}/${name}`
}

const text = (bytes: Buffer, start: number, length: number): string => {
  const end = bytes.indexOf(0, start)
  return bytes.toString("utf8", start, end < 0 || end > start + length ? start + length : end)
}
