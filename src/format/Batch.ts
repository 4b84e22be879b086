/**
 * The body of a batch: elements back to back, each with a size, two unused words, a flag, a body and properties. All
 * elements share the topic, the queue and the sysFlag of the request that carries them.
 * Source: spec/wire.md, element of a batch body.
 */
import { Malformed } from "./Malformed.ts"
import { int32, layout } from "./layout.ts"
import * as Utf8 from "./Utf8.ts"

/** What stands before an element's body. */
const Front = layout("BatchElement", {
  totalSize: int32("Length of the whole element."),
  magic: int32("0, ignored."),
  bodyCrc: int32("0, ignored."),
  flag: int32("The application's own flag."),
  bodyLength: int32("Length of the body that follows."),
})

export interface Element {
  readonly flag: number
  readonly body: Buffer
  /** As the client wrote them, its UNIQ_KEY included. */
  readonly properties: string
}

/** Elements of one batch beyond which it is refused: an element of 22 bytes would else make 190,000 of one body. */
export const elementsMax = 65_536

const malformed = (reason: string) => new Malformed("BatchElement", reason)

/** Reads all elements; each body is a view. Refuses lengths that do not add up and properties that are not UTF-8. */
export const decode = (body: Buffer): readonly Element[] | Malformed => {
  const elements: Element[] = []
  let start = 0
  while (start < body.length) {
    if (elements.length >= elementsMax) return malformed(`more than ${elementsMax} elements`)
    const front = Front.decode(body, start)
    if (front instanceof Malformed) return front
    const end = start + front.totalSize
    const bodyStart = start + Front.sizeBytes
    const bodyEnd = bodyStart + front.bodyLength
    if (end > body.length || front.bodyLength < 0 || bodyEnd + 2 > end) {
      return malformed(`size ${front.totalSize}, body length ${front.bodyLength} of ${body.length - start} bytes`)
    }
    const propertiesLength = body.readInt16BE(bodyEnd)
    if (propertiesLength < 0 || bodyEnd + 2 + propertiesLength !== end) {
      return malformed(`properties length ${propertiesLength}`)
    }
    const properties = Utf8.read(body, bodyEnd + 2, end)
    if (properties === undefined) return malformed("properties are not UTF-8")
    elements.push({ flag: front.flag, body: body.subarray(bodyStart, bodyEnd), properties })
    start = end
  }
  return elements
}

export const encode = (elements: readonly Element[]): Buffer => Buffer.concat(elements.map(encodeElement))

const encodeElement = ({ body, flag, properties }: Element): Buffer => {
  const propertiesLength = Buffer.byteLength(properties)
  const totalSize = Front.sizeBytes + body.length + 2 + propertiesLength
  const element = Buffer.allocUnsafe(totalSize)
  const bodyStart = Front.encodeInto({ totalSize, magic: 0, bodyCrc: 0, flag, bodyLength: body.length }, element, 0)
  const bodyEnd = bodyStart + body.copy(element, bodyStart)
  element.writeInt16BE(propertiesLength, bodyEnd)
  element.write(properties, bodyEnd + 2, "utf8")
  return element
}
