/**
 * The name server's key-value configuration on disk: RocketMQ's kvConfig.json, `{"configTable":{namespace:{key:value}}}`.
 *
 * Durable, then true, then visible: a change is answered and read once the file that holds it was synced and renamed
 * into place. Changes that come while a file is being written share the next one. When a write fails, the changes that
 * wait are refused, and what is read stays as it was.
 */
import * as KvConfig from "../../domain/KvConfig.ts"
import * as LenientJson from "../../format/LenientJson.ts"
import { Malformed } from "../../format/Malformed.ts"
import type { Disk, DiskError, DiskFile } from "../../infra/disk/Disk.ts"
import { makeDurableDirectory } from "../../infra/disk/durable.ts"

/** `error` is undefined when the change is durable. */
export type Done = (error: DiskError | undefined) => void

export class KvStore {
  readonly #disk: Disk
  readonly #path: string
  /** What is durable, and what will be when the changes that wait are. */
  #durable: KvConfig.KvConfig
  #appended: KvConfig.KvConfig
  #waiting: Done[] = []
  #isWriting = false

  constructor(disk: Disk, path: string, config: KvConfig.KvConfig) {
    this.#disk = disk
    this.#path = path
    this.#durable = this.#appended = config
  }

  /**
   * Opens the file, empty when it is missing. Throws a DiskError when it cannot be read; answers Malformed when it is
   * damaged: the name server then does not start, for it would overwrite what an administrator may still repair.
   */
  static open(disk: Disk, path: string): KvStore | Malformed {
    if (!disk.exists(path)) return new KvStore(disk, path, KvConfig.empty)
    const file = disk.open(path, "read")
    const content = Buffer.alloc(file.sizeBytes())
    const sizeBytes = file.readSync(content, 0)
    file.close()
    const config = parse(content.subarray(0, sizeBytes))
    return config instanceof Malformed ? config : new KvStore(disk, path, config)
  }

  get(namespace: string, key: string): string | undefined {
    return KvConfig.get(this.#durable, namespace, key)
  }

  list(namespace: string): ReadonlyMap<string, string> | undefined {
    return KvConfig.list(this.#durable, namespace)
  }

  put(namespace: string, key: string, value: string, done: Done): void {
    this.#change(KvConfig.put(this.#appended, namespace, key, value), done)
  }

  remove(namespace: string, key: string, done: Done): void {
    this.#change(KvConfig.remove(this.#appended, namespace, key), done)
  }

  /** Bytes that the file will have: for a bound on what strangers may store (P11). */
  sizeBytes(): number {
    let sizeBytes = 0
    for (const [namespace, table] of this.#appended) {
      sizeBytes += namespace.length
      for (const [key, value] of table) sizeBytes += key.length + value.length
    }
    return sizeBytes
  }

  #change(config: KvConfig.KvConfig, done: Done): void {
    this.#appended = config
    this.#waiting.push(done)
    if (!this.#isWriting) this.#write()
  }

  #write(): void {
    const config = this.#appended
    const settled = this.#waiting
    this.#waiting = []
    this.#isWriting = true
    replace(this.#disk, this.#path, print(config), (error) => {
      this.#isWriting = false
      if (error === undefined) {
        this.#durable = config
        for (const done of settled) done(undefined)
        if (this.#waiting.length > 0 && !this.#isWriting) this.#write()
      } else {
        // What came meanwhile builds on what was lost.
        const lost = [...settled, ...this.#waiting.splice(0)]
        this.#appended = this.#durable
        for (const done of lost) done(error)
      }
    })
  }
}

/** Pretty, as RocketMQ writes it. */
export const print = (config: KvConfig.KvConfig): Buffer => {
  const tables = [...config].map(([namespace, table]) => [namespace, Object.fromEntries(table)] as const)
  return Buffer.from(JSON.stringify({ configTable: Object.fromEntries(tables) }, undefined, "\t"))
}

export const parse = (content: Buffer): KvConfig.KvConfig | Malformed => {
  const json = LenientJson.parseBytes(content)
  if (json instanceof Malformed) return new Malformed("KvConfig", json.reason)
  const tables = LenientJson.isObject(json) ? (LenientJson.member(json, "configTable") ?? {}) : undefined
  if (!LenientJson.isObject(tables)) return new Malformed("KvConfig", "configTable is no object")
  let config = KvConfig.empty
  for (const [namespace, table] of Object.entries(tables)) {
    if (!LenientJson.isObject(table)) return new Malformed("KvConfig", `namespace ${namespace} is no object`)
    for (const [key, value] of Object.entries(table)) {
      if (typeof value !== "string") return new Malformed("KvConfig", `value of ${namespace} ${key} is no text`)
      config = KvConfig.put(config, namespace, key, value)
    }
  }
  return config
}

/** Replaces a file as a whole: after a crash at any instant its name leads to the old content or to the new one. */
const replace = (disk: Disk, path: string, content: Buffer, done: Done): void => {
  const directory = path.slice(0, Math.max(0, path.lastIndexOf("/"))) || "."
  const temporary = `${path}.tmp`
  let file: DiskFile | undefined
  const finish = (error: DiskError | undefined): void => {
    file?.close()
    done(error)
  }
  /** Runs the next step unless the one before failed; the port's blocking calls throw their DiskError. */
  const then = (step: () => void) => (error: DiskError | undefined) => {
    if (error !== undefined) return finish(error)
    try {
      step()
    } catch (thrown) {
      finish(thrown as DiskError)
    }
  }
  then(() => {
    makeDurableDirectory(disk, directory)
    const opened = (file = disk.open(temporary, "create"))
    opened.truncate(0)
    opened.write(
      content,
      0,
      then(() =>
        opened.sync(
          then(() => {
            disk.rename(temporary, path)
            disk.syncDirectory(directory)
            finish(undefined)
          }),
        ),
      ),
    )
  })(undefined)
}
