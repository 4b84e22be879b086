/**
 * Properties of a message where they lie, for a filter that asks for some of them by name: no text is made but for the
 * values that are looked at. Reads what `Properties.parse` reads: the last pair of a name counts, and one without a
 * value does not. Source: spec/store.md, record layout.
 */
import type { PropertyView } from "../domain/Sql92.ts"

const nameEnd = 1
const pairEnd = 2

export class PropertyBytes implements PropertyView {
  readonly #names: ReadonlyArray<Buffer>
  /** Of each name, where its value begins and ends; 0 and 0 when it has none. */
  readonly #places: Int32Array
  #buffer: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0
  #isScanned = false

  constructor(names: ReadonlyArray<string>) {
    this.#names = names.map((name) => Buffer.from(name, "utf8"))
    this.#places = new Int32Array(names.length * 2)
  }

  /** Turns to the properties `buffer[start, end)`; they are read when a value is asked for, so they must stay there. */
  look(buffer: Buffer, start: number, end: number): void {
    this.#buffer = buffer
    this.#start = start
    this.#end = end
    this.#isScanned = false
  }

  readonly text = (index: number): string | undefined => {
    if (!this.#isScanned) this.#scan()
    const end = this.#places[index * 2 + 1] ?? 0
    return end === 0 ? undefined : this.#buffer.toString("utf8", this.#places[index * 2], end)
  }

  #scan(): void {
    this.#isScanned = true
    this.#places.fill(0)
    const buffer = this.#buffer
    let start = this.#start
    let split = -1
    for (let at = start; at <= this.#end; at++) {
      const byte = at === this.#end ? pairEnd : buffer[at]
      if (byte === nameEnd && split < start) split = at
      if (byte !== pairEnd) continue
      if (split > start && split < at - 1) this.#keep(start, split, at)
      start = at + 1
    }
  }

  #keep(start: number, split: number, end: number): void {
    const names = this.#names
    for (let index = 0; index < names.length; index++) {
      const name = names[index]!
      if (name.length !== split - start || name[0] !== this.#buffer[start]) continue
      if (name.compare(this.#buffer, start, split) !== 0) continue
      this.#places[index * 2] = split + 1
      this.#places[index * 2 + 1] = end
      return
    }
  }
}
