/** Small durable changes made of the port's calls, for start-up and snapshots. */
import type { Disk } from "./Disk.ts"

/** Makes a folder and its missing parents so that a power cut cannot take them: each name is synced in its parent. */
export const makeDurableDirectory = (disk: Disk, directory: string): void => {
  if (disk.exists(directory)) return
  const parent = directory.slice(0, Math.max(0, directory.lastIndexOf("/"))) || (directory.startsWith("/") ? "/" : ".")
  if (parent !== directory) makeDurableDirectory(disk, parent)
  disk.makeDirectory(directory)
  disk.syncDirectory(parent)
}
