/** A process's own handle on its machine's disk. It dies at a step of the seed's choice, and nothing of it works any more. */
import type { Disk, Lock } from '@wardround/core/ports.ts'
import { refusal } from './file-system.ts'

/** How a process ends in the middle of a step: alone, or with the whole machine. */
export type DiskDeath = {
  readonly at: number
  readonly when: 'before' | 'during' | 'after'
  readonly powerCut: boolean
}

export type Process = {
  readonly disk: Disk
  readonly dead: () => boolean
  /** Nothing of it works any more; what it held is free. */
  kill(): void
  /** Dies so many steps from now. */
  dieAt(death: DiskDeath): void
}

export type Surroundings = { powerCut(): void; touched(): void; lostSync(): void; ended(): void }

/** Steps that change something: a process may die before, in the middle of, or after any. */
const steps = ['write', 'append', 'truncate', 'rename', 'remove', 'syncFolder', 'makeFolder'] as const
type Changes = Pick<Disk, (typeof steps)[number]>
type Change = (...given: unknown[]) => void

export function processOn(disk: Disk, { powerCut, touched, lostSync, ended }: Surroundings): Process {
  let dead = false
  let done = 0
  let death: DiskDeath | undefined
  const kill = (): void => {
    if (dead) return
    dead = true
    ended()
  }
  const alive = (): void => {
    if (dead) throw refusal('EDEAD', 'the process')
  }
  const reach = (moment: DiskDeath['when'], half: () => void = () => undefined): void => {
    if (death?.at !== done || death.when !== moment) return
    half()
    if (death.powerCut) powerCut()
    kill()
    alive()
  }
  const step = (work: () => void, half: () => void): void => {
    alive()
    done += 1
    touched()
    reach('before')
    reach('during', half)
    work()
    reach('after')
  }
  /** In the middle of a write everything may be there, and nothing durable; in the middle of anything else it is as before. */
  const mortal = (name: (typeof steps)[number]): Change => {
    const change = disk[name] as Change
    return (...given) => {
      const half = (): void => {
        if (name !== 'write' && name !== 'append') return
        change(...given.map((one) => (isDurability(one) ? { durably: false } : one)))
        lostSync()
      }
      step(() => change(...given), half)
    }
  }
  const looking =
    <A extends unknown[], R>(look: (...given: A) => R): ((...given: A) => R) =>
    (...given) => {
      alive()
      return look(...given)
    }
  return {
    disk: {
      ...(Object.fromEntries(steps.map((name) => [name, mortal(name)])) as Changes),
      read: looking(disk.read),
      readInto: looking(disk.readInto),
      sizeBytes: looking(disk.sizeBytes),
      list: looking(disk.list),
      lock: (path): Lock => {
        const { take, close } = disk.lock(path)
        return { take: looking(take), close }
      },
      lockedBy: looking(disk.lockedBy),
    },
    dead: () => dead,
    kill,
    dieAt: ({ at, ...rest }) => {
      death = { at: done + at, ...rest }
    },
  }
}

const isDurability = (given: unknown): boolean => typeof given === 'object' && given !== null && 'durably' in given
