import { DiskError } from "../disk/Disk.ts"

/** Makes blocking disk calls on behalf of a caller who waits for a callback. False when they failed: `failed` was told. */
export const attempt = (run: () => void, failed: (error: DiskError) => void): boolean => {
  try {
    run()
    return true
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    failed(error)
    return false
  }
}
