/**
 * Queue entries that were read back from files, for consumers that are behind. One cache for all queues of a store, so
 * that its size does not grow with their number (promise P11); the least recently used windows go first.
 */
/** Which queue a window belongs to. */
export interface QueueName {
  readonly topic: string
  readonly queueId: number
}

/** 4096 windows of 5 KiB are 20 MiB: entries of a million messages. */
const windowsMaxDefault = 4096

export class EntryWindows {
  readonly #windowsMax: number
  readonly #windows = new Map<string, Buffer>()

  constructor(windowsMax = windowsMaxDefault) {
    this.#windowsMax = windowsMax
  }

  /** The entries of a queue from queue offset `start` on, as many as were read. */
  get(queue: QueueName, start: number): Buffer | undefined {
    const key = keyOf(queue, start)
    const window = this.#windows.get(key)
    if (window === undefined) return undefined
    // A Map keeps insertion order: deleting and setting again makes this one the newest.
    this.#windows.delete(key)
    this.#windows.set(key, window)
    return window
  }

  set(queue: QueueName, start: number, window: Buffer): void {
    const key = keyOf(queue, start)
    this.#windows.delete(key)
    this.#windows.set(key, window)
    if (this.#windows.size <= this.#windowsMax) return
    for (const oldest of this.#windows.keys()) {
      this.#windows.delete(oldest)
      return
    }
  }

  /** Forgets the windows of a queue whose entries are about to be written anew. */
  drop(queue: QueueName): void {
    const prefix = `${queue.topic}/${queue.queueId}/`
    for (const key of this.#windows.keys()) if (key.startsWith(prefix)) this.#windows.delete(key)
  }
}

const keyOf = (queue: QueueName, start: number): string => `${queue.topic}/${queue.queueId}/${start}`
