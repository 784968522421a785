/** Makes the names in a folder durable. Windows opens no folder, and writes names down by itself. */
import { closeSync, fsyncSync, openSync } from 'node:fs'
import { open } from 'node:fs/promises'

const canOpenFolders = process.platform !== 'win32'

/** At once, holding everything up. */
export function syncFolder(path: string): void {
  if (!canOpenFolders) return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** The same on a thread. */
export async function syncFolderSoon(path: string): Promise<void> {
  if (!canOpenFolders) return
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
}
