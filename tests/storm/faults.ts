/**
 * What goes wrong in one storm, as names, chances and durations: drawn from the seed, printed with a failure. Each kind is there or not there
 * (Groce et al. 2012, "Swarm Testing": leaving kinds out finds more than always having all), so that no fault hides another for ever.
 */
import { type Random, seededRandom } from '@wardround/core/random.ts'

export type Faults = {
  /** When all of it is over. */
  readonly endMs: number
  /** Chances, for each request, and how late it may be. */
  readonly network: {
    readonly delayMs: number
    readonly requestLost: number
    readonly answerLost: number
    readonly duplicated: number
    readonly reordered: number
    readonly truncated: number
    readonly slow: number
  }
  /** Mean time between two of a kind at one machine, and how long each lasts at most; absent: there is none. */
  readonly partition?: Spell
  readonly siteKill?: Spell
  readonly sitePowerCut?: Spell
  readonly diskFull?: Spell
  readonly diskReadOnly?: Spell
  readonly syncFails?: Spell
  readonly clockJump?: Spell
  readonly withdrawal?: Spell
  readonly coordinatorKill?: Spell
  readonly coordinatorPowerCut?: Spell
}
export type Spell = { readonly everyMs: number; readonly lastsMs: number }

export const spells = [
  'partition',
  'siteKill',
  'sitePowerCut',
  'diskFull',
  'diskReadOnly',
  'syncFails',
  'clockJump',
  'withdrawal',
  'coordinatorKill',
  'coordinatorPowerCut',
] as const satisfies (keyof Faults)[]
export type SpellName = (typeof spells)[number]

const minuteMs = 60_000

export function drawFaults(seed: number): Faults {
  const random = seededRandom([seed, 'faults'])
  const endMs = minuteMs * (2 + random.below(8))
  const chance = (largest: number): number => (random.below(2) === 0 ? 0 : round(largest * random.uniform()))
  const network = {
    delayMs: random.below(3) === 0 ? 5000 : 200,
    requestLost: chance(0.15),
    answerLost: chance(0.15),
    duplicated: chance(0.15),
    reordered: chance(0.15),
    truncated: chance(0.15),
    slow: chance(0.1),
  }
  const drawn = spells.flatMap((name): [SpellName, Spell][] => {
    const there = random.below(2) === 0
    const spell = { everyMs: 10_000 + random.below(3 * minuteMs), lastsMs: 500 + random.below(minuteMs) }
    return there ? [[name, spell]] : []
  })
  return { endMs, network, ...Object.fromEntries(drawn) }
}

/** Fair weather: the same study undisturbed. */
export const noFaults: Faults = {
  endMs: 0,
  network: { delayMs: 20, requestLost: 0, answerLost: 0, duplicated: 0, reordered: 0, truncated: 0, slow: 0 },
}

const round = (chance: number): number => Math.round(chance * 1000) / 1000

export const happens = (random: Random, chance: number): boolean => random.uniform() < chance
