/** Files in memory: an inode has the bytes that everybody sees and those that are durable; a name, too, is seen before it is durable. */
import { dirname, resolve } from 'node:path'
import type { Disk } from '@wardround/core/ports.ts'
import type { Random } from '@wardround/core/random.ts'
import type { Tally } from './tally.ts'
import { type Inode, newInode, tear } from './tear.ts'

export type Trouble = 'ENOSPC' | 'EROFS' | 'EIO'

export type Files = {
  names: Map<string, Inode>
  durableNames: Map<string, Inode>
  readonly folders: Set<string>
  trouble: Trouble | undefined
}

export const emptyFiles = (): Files => ({
  names: new Map(),
  durableNames: new Map(),
  folders: new Set(['/']),
  trouble: undefined,
})

/** An operating system's refusal. */
export const refusal = (code: string, path: string): Error => Object.assign(new Error(`${code}: ${path}`), { code })

export type Guard = (path: string, ...codes: readonly Trouble[]) => void

/** Refuses while one of the troubles lasts. */
export const guardOf =
  (files: Files, tally: Pick<Tally, 'count'>): Guard =>
  (path, ...codes) => {
    const { trouble } = files
    if (trouble === undefined || !codes.includes(trouble)) return
    tally.count(trouble === 'ENOSPC' ? 'diskFull' : trouble === 'EROFS' ? 'diskReadOnly' : 'syncFails')
    throw refusal(trouble, path)
  }

export type FileSystem = Omit<Disk, 'lock' | 'lockedBy'>

export const fileSystem = (files: Files, guard: Guard): FileSystem => ({
  ...contents(files, guard),
  ...naming(files, guard),
})

function contents(
  files: Files,
  guard: Guard,
): Pick<Disk, 'read' | 'readInto' | 'sizeBytes' | 'write' | 'append' | 'truncate'> {
  const opened = (path: string): Inode => {
    const known = files.names.get(resolve(path))
    if (known !== undefined) return known
    if (!files.folders.has(dirname(resolve(path)))) throw refusal('ENOENT', path)
    const made = newInode()
    files.names.set(resolve(path), made)
    return made
  }
  /** What a full disk has room for is written, as by write(2). */
  const put = (path: string, content: (before: Uint8Array) => Uint8Array, durably: boolean): void => {
    guard(path, 'EROFS')
    const inode = opened(path)
    const { length } = inode.seen
    const seen = content(inode.seen)
    inode.seen = files.trouble === 'ENOSPC' ? seen.slice(0, (length + seen.length) >> 1) : seen
    guard(path, 'ENOSPC')
    if (!durably) return
    guard(path, 'EIO')
    settle(inode)
  }
  return {
    read: (path) => files.names.get(resolve(path))?.seen.slice(),
    readInto(path, target, from) {
      const bytes = files.names.get(resolve(path))?.seen.subarray(from, from + target.length)
      if (bytes !== undefined) target.set(bytes)
      return bytes?.length
    },
    sizeBytes: (path) => files.names.get(resolve(path))?.seen.length,
    write(path, parts, { durably }) {
      const before = files.names.get(resolve(path))
      if (before !== undefined && files.trouble !== 'EROFS') before.untouchedBytes = 0
      put(path, () => Uint8Array.from(Buffer.concat(parts)), durably)
    },
    append: (path, bytes, { durably }) =>
      put(path, (before) => Uint8Array.from(Buffer.concat([before, bytes])), durably),
    truncate(path, sizeBytes) {
      const inode = found(files, path)
      guard(path, 'EROFS')
      inode.seen = inode.seen.slice(0, sizeBytes)
      inode.untouchedBytes = Math.min(inode.untouchedBytes, sizeBytes)
    },
  }
}

function naming(files: Files, guard: Guard): Pick<Disk, 'list' | 'makeFolder' | 'rename' | 'remove' | 'syncFolder'> {
  return {
    list: (folder) => listed([...files.names.keys(), ...files.folders], resolve(folder)),
    makeFolder(path) {
      for (let at = resolve(path); !files.folders.has(at); at = dirname(at)) {
        guard(path, 'ENOSPC', 'EROFS')
        files.folders.add(at)
      }
    },
    rename(from, to) {
      const inode = found(files, from)
      guard(from, 'EROFS')
      files.names.delete(resolve(from))
      files.names.set(resolve(to), inode)
    },
    remove(path) {
      if (!files.names.has(resolve(path))) return
      guard(path, 'EROFS')
      files.names.delete(resolve(path))
    },
    syncFolder(path) {
      const folder = resolve(path)
      if (!files.folders.has(folder)) throw refusal('ENOENT', path)
      guard(path, 'EIO')
      for (const name of allNames(files)) {
        if (dirname(name) !== folder) continue
        const inode = files.names.get(name)
        if (inode === undefined) files.durableNames.delete(name)
        else files.durableNames.set(name, inode)
      }
    },
  }
}

function found({ names }: Files, path: string): Inode {
  const inode = names.get(resolve(path))
  if (inode === undefined) throw refusal('ENOENT', path)
  return inode
}

const allNames = ({ names, durableNames }: Files): string[] =>
  [...new Set([...names.keys(), ...durableNames.keys()])].toSorted()

/** Names right below a folder, of files and of folders. */
const listed = (paths: readonly string[], folder: string): string[] =>
  paths.flatMap((path) => (path !== '/' && dirname(path) === folder ? [path.slice(path.lastIndexOf('/') + 1)] : []))

/** What is seen is durable. */
function settle(inode: Inode): void {
  inode.durable = inode.seen
  inode.untouchedBytes = inode.seen.length
}

/** Each name that is not durable is there or not, each file whose bytes are not is torn; what is left then is durable. */
export function cutPower(files: Files, random: Random, tally: Pick<Tally, 'count'>): void {
  const kept = new Map<string, Inode>()
  for (const name of allNames(files)) {
    const [seen, durable] = [files.names.get(name), files.durableNames.get(name)]
    const lost = seen !== durable && random.below(2) === 0
    if (lost) tally.count('nameLost')
    const inode = lost ? durable : seen
    if (inode !== undefined) kept.set(name, inode)
  }
  for (const inode of new Set(kept.values())) {
    inode.seen = tear(inode, random, tally)
    settle(inode)
  }
  files.names = kept
  files.durableNames = new Map(kept)
}

/** What no power cut can take away; undefined where there is no such file for certain. */
export function certainBytes({ names, durableNames }: Files, path: string): Uint8Array | undefined {
  const inode = durableNames.get(resolve(path))
  return inode === names.get(resolve(path)) ? inode?.durable : undefined
}
