/**
 * A consistent hash ring: each node stands at several places of a circle, a key belongs to the next node behind its own
 * place. When a node leaves, only its keys move.
 *
 * Laws (test/model/domain/HashRing.test.ts)
 *   stable  removing a node moves no key that another node owned
 *   total   a ring with a node owns every key
 * Source: behaviour of RocketMQ 5.5.0 (ConsistentHashRouter).
 */

/** A place on the circle, an unsigned 32-bit number: RocketMQ's is the first four bytes of MD5, big-endian. */
export type Hash = (text: string) => number

interface Place {
  readonly position: number
  readonly node: string
  /** The text that was hashed: `<node>-<replica>`. */
  readonly key: string
}

/** Places by position, rising. */
export type HashRing = ReadonlyArray<Place>

/** A node named twice stands at twice as many places; of two places at one position the later one stays. */
export const make = (nodes: Iterable<string>, virtualNodeCount: number, hash: Hash): HashRing => {
  const places = new Map<number, Place>()
  for (const node of nodes) {
    let existing = 0
    for (const place of places.values()) if (place.node === node) existing++
    for (let i = 0; i < virtualNodeCount; i++) {
      const key = `${node}-${existing + i}`
      const position = hash(key)
      places.set(position, { position, node, key })
    }
  }
  return [...places.values()].toSorted((left, right) => left.position - right.position)
}

/** Who owns a key; undefined on an empty ring. */
export const ownerOf = (ring: HashRing, key: string, hash: Hash): string | undefined => {
  const position = hash(key)
  let low = 0
  let high = ring.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ring[middle]!.position < position) low = middle + 1
    else high = middle
  }
  return (ring[low] ?? ring[0])?.node
}
