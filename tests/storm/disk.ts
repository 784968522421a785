/** A machine's disk in memory: its files, who holds which lock, the processes on it, and the power that may be cut. */
import { dirname, resolve } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Disk, Lock } from '@wardround/core/ports.ts'
import type { Random } from '@wardround/core/random.ts'
import { diskError } from '@wardround/site/files.ts'
import { certainBytes, cutPower, emptyFiles, fileSystem, guardOf, type Trouble } from './file-system.ts'
import { type Process, processOn } from './process.ts'
import type { Tally } from './tally.ts'

export type SimulatedDisk = ReturnType<typeof simulatedDisk>

type Told = {
  /** Before each change. */
  readonly touched?: () => void
  /** After each power cut. */
  readonly powerIsCut?: () => void
}

export function simulatedDisk(
  random: Random,
  tally: Pick<Tally, 'count'>,
  { touched = () => undefined, powerIsCut = () => undefined }: Told = {},
) {
  const files = emptyFiles()
  const guard = guardOf(files, tally)
  const system = fileSystem(files, guard)
  const locks = new Map<string, { readonly pid: number }>()
  const processes = new Set<Process>()
  let lastPid = 1
  const lockFor = (given: string, pid: number): Lock => {
    const path = resolve(given)
    return {
      take() {
        const holder = locks.get(path)
        if (holder !== undefined) throw new WardroundError('WR_LOCKED', { path, pid: holder.pid })
        try {
          system.makeFolder(dirname(path))
          guard(path, 'ENOSPC', 'EROFS')
        } catch (error) {
          throw diskError(path, error)
        }
        const own = { pid }
        locks.set(path, own)
        return () => void (locks.get(path) === own && locks.delete(path))
      },
      close: () => undefined,
    }
  }
  const diskOf = (pid: number): Disk => ({
    ...system,
    lock: (path) => lockFor(path, pid),
    lockedBy: (path) => locks.get(resolve(path))?.pid,
  })
  const powerCut = (): void => {
    for (const process of [...processes]) process.kill()
    cutPower(files, random, tally)
    touched()
    powerIsCut()
  }
  return {
    /** A process of this machine; `onDeath` is told at once. */
    process(onDeath: () => void = () => undefined): Process {
      lastPid += 1
      const pid = lastPid
      const ended = (): void => {
        processes.delete(process)
        for (const [path, holder] of locks) if (holder.pid === pid) locks.delete(path)
        onDeath()
      }
      const process = processOn(diskOf(pid), { powerCut, touched, lostSync: () => tally.count('syncLost'), ended })
      processes.add(process)
      return process
    },
    powerCut,
    setTrouble(next: Trouble | undefined): void {
      files.trouble = next
    },
    /** As somebody sees it who cannot die. */
    disk: diskOf(1),
    certain: (path: string): Uint8Array | undefined => certainBytes(files, path),
  }
}
