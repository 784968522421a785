/** `wardround coordinator backup|restore`: a coordinator as a folder to keep, and a coordinator made of it. */
import { resolve } from 'node:path'
import { askForBackup } from '@wardround/coordinator/backup/ask.ts'
import type { Progress } from '@wardround/coordinator/backup/backup.ts'
import { backupClosed } from '@wardround/coordinator/backup/closed.ts'
import { madeOf } from '@wardround/coordinator/backup/manifest.ts'
import { restore } from '@wardround/coordinator/backup/restore.ts'
import { backupWords } from '@wardround/core/words/en/backup.ts'
import { coordinatorFolder } from '../homes.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import type { Runtime } from '../runtime.ts'

type Options = CommonOptions & { dir?: string; store?: string }
type Typed = { readonly args: readonly string[]; readonly options: Options }

/** By the coordinator that runs in the folder, or by this process where none does. */
export async function coordinatorBackup(runtime: Runtime, { args: [given = ''], options }: Typed): Promise<Outcome> {
  const [path, folder] = [resolve(given), resolve(coordinatorFolder(runtime, options.dir))]
  const watching = { signal: runtime.signal, ...progressOn(runtime, options) }
  const made =
    (await askForBackup(folder, path, watching)) ??
    (await backupClosed(path, { ...runtime, ...watching, folder, store: options.store ?? 'sqlite' }))
  watching.end()
  return {
    data: made,
    lines: [...backupWords.made({ ...made, ...made.counts }), ...made.lost.map(backupWords.lost)],
  }
}

export async function coordinatorRestore(runtime: Runtime, { args: [given = ''], options }: Typed): Promise<Outcome> {
  const [from, folder] = [resolve(given), resolve(coordinatorFolder(runtime, options.dir))]
  const watching = { signal: runtime.signal, ...progressOn(runtime, options) }
  const store = options.store ?? 'sqlite'
  const { manifest, tokensUsed } = await restore({ ...runtime, ...watching, from, folder, store })
  watching.end()
  const { madeAt, counts, lost } = madeOf(from, manifest)
  return {
    data: { path: folder, madeAt, counts, lost, tokensUsed },
    lines: [
      ...backupWords.restored({ path: folder, madeAt }),
      ...(tokensUsed === 0 ? [] : [backupWords.tokensUsed(tokensUsed)]),
      ...lost.map(backupWords.lost),
    ],
  }
}

const clearLine = '\u001b[2K\r'

/** One line that changes, where somebody looks. */
function progressOn({ stderr }: Runtime, { json }: CommonOptions) {
  const shown = stderr.isTTY && json !== true
  return {
    onProgress: ({ doneBytes, totalBytes }: Progress): void => {
      if (shown) stderr.write(`${clearLine}${backupWords.progress(doneBytes, totalBytes)}`)
    },
    end: (): void => {
      if (shown) stderr.write(clearLine)
    },
  }
}
