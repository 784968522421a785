/** What happens to machines from outside, each fault at its own times, until the storm is over; then everything is put right. */
import { type Random, seededRandom } from '@wardround/core/random.ts'
import type { CoordinatorLives } from './coordinator.ts'
import { type Faults, type Spell, type SpellName, spells } from './faults.ts'
import type { Trouble } from './file-system.ts'
import type { Hospital } from './hospital.ts'
import type { Scheduler } from './scheduler.ts'
import type { Tally } from './tally.ts'

export type WeatherOptions = {
  readonly seed: number
  readonly scheduler: Scheduler
  readonly faults: Faults
  readonly tally: Tally
  readonly hospitals: readonly Hospital[]
  readonly coordinator: Pick<CoordinatorLives, 'kill' | 'powerCut'>
  readonly setCoordinatorClock: (offsetMs: number) => void
  readonly study: string
  readonly stopped: AbortSignal
}

/** Resolves when everything has been put right. */
export async function weather(options: WeatherOptions): Promise<void> {
  const { seed, faults, hospitals } = options
  const everywhere = spells.flatMap((name) => {
    const spell = faults[name]
    if (spell === undefined) return []
    const alone = name === 'coordinatorKill' || name === 'coordinatorPowerCut'
    const places = alone ? [undefined] : name === 'clockJump' ? [undefined, ...hospitals] : hospitals
    return places.map((own) => blow(options, { name, spell, own, random: seededRandom([seed, name, own?.name ?? '']) }))
  })
  await Promise.all(everywhere)
}

type Blow = {
  readonly name: SpellName
  readonly spell: Spell
  readonly own: Hospital | undefined
  readonly random: Random
}

/** One kind at one machine. */
async function blow(options: WeatherOptions, { name, spell, own, random }: Blow): Promise<void> {
  const { scheduler, faults, stopped } = options
  const place = own?.name ?? 'the coordinator'
  for (;;) {
    const pauseMs = random.below(2 * spell.everyMs)
    if (scheduler.elapsedMs() + pauseMs >= faults.endMs) return
    await scheduler.park(`${name} comes to ${place}`, pauseMs, stopped)
    if (stopped.aborted) return
    const end = begin(options, { name, own, random })
    if (end === undefined) continue
    const lastsMs = Math.min(1 + random.below(spell.lastsMs), Math.max(0, faults.endMs - scheduler.elapsedMs()))
    await scheduler.park(`${name} leaves ${place}`, lastsMs, stopped)
    await end()
  }
}

const troubles = { diskFull: 'ENOSPC', diskReadOnly: 'EROFS', syncFails: 'EIO' } as const satisfies Partial<
  Record<SpellName, Trouble>
>

const hourMs = 3_600_000

/** Starts it; what ends it again, where it lasts. */
function begin(
  { coordinator, tally, setCoordinatorClock, study }: WeatherOptions,
  { name, own, random }: Omit<Blow, 'spell'>,
): (() => Promise<void> | void) | undefined {
  switch (name) {
    case 'coordinatorKill':
      return void coordinator.kill()
    case 'coordinatorPowerCut':
      return void coordinator.powerCut()
    case 'siteKill':
      return void own?.kill()
    case 'sitePowerCut':
      return void own?.powerCut()
    case 'partition':
      own?.setCut(true)
      return () => own?.setCut(false)
    case 'diskFull':
    case 'diskReadOnly':
    case 'syncFails':
      own?.setTrouble(troubles[name])
      return () => own?.setTrouble(undefined)
    case 'clockJump': {
      tally.count('clockJump')
      const set = own?.setClock ?? setCoordinatorClock
      const sizeMs = [24 * hourMs, 24 * hourMs, 90_000, 20_000][random.below(4)] ?? 0
      set(random.below(2) === 0 ? sizeMs : -sizeMs)
      return () => set(0)
    }
    case 'withdrawal': {
      tally.count('withdrawal')
      const refused = own?.decide(study, 'refused')
      return async () => {
        await refused
        await own?.decide(study, 'approved')
      }
    }
  }
}
