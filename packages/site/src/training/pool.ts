/** Trainers side by side, a process each: a study has its own for as long as a task of it lasts, and the same one again, which has its data already, if nobody else took it meanwhile. */
import { availableParallelism } from 'node:os'
import type { Trainer } from './trainer.ts'

export type Lent = { readonly trainer: Trainer; giveBack(): void }

export type TrainerPool = {
  /** For a study whose last one was given back. */
  take(study: string): Lent
  /** One of them, for whoever takes none. */
  readonly trainer: Trainer
  close(): Promise<void>
}

/** What a machine's cores are shared out to: so many trainings at once, each with so many of them. */
export type Shares = { readonly atOnce: number; readonly coresEach: number }

/** As many as were asked for, or two, and never more than there are cores; of those, as many as training may use. */
export function sharesOf(
  { asked = 2, cores }: { readonly asked?: number | undefined; readonly cores?: number | undefined },
  machine = availableParallelism(),
): Shares {
  const atOnce = Math.max(1, Math.min(asked, machine, cores ?? machine))
  return { atOnce, coresEach: Math.max(1, Math.floor((cores ?? machine) / atOnce)) }
}

type Place = {
  readonly trainer: Trainer
  /** Who had it last. */
  study: string
  taken: boolean
}

/** So many, each started at its first call: of those that nobody has, the last that was given back, before another is started. */
export function trainerPool({ atOnce, coresEach }: Shares, create: (cores: number) => Trainer): TrainerPool {
  /** The last that was given back is the first. */
  let places: readonly Place[] = Array.from({ length: atOnce }, () => ({
    trainer: create(coresEach),
    study: '',
    taken: false,
  }))
  const free = (study: string): Place => {
    const idle = places.filter(({ taken }) => !taken)
    const found = idle.find((place) => place.study === study) ?? idle[0]
    if (found === undefined) throw new RangeError('more tasks at once than there are trainers')
    return found
  }
  const give = (place: Place): void => {
    place.taken = false
    places = [place, ...places.filter((other) => other !== place)]
  }
  const [first] = places
  if (first === undefined) throw new RangeError('a pool of none')
  return {
    take(study) {
      const place = free(study)
      Object.assign(place, { study, taken: true })
      return { trainer: place.trainer, giveBack: () => give(place) }
    },
    trainer: first.trainer,
    async close() {
      await Promise.all(places.map(({ trainer }) => trainer.close()))
    },
  }
}

/** One that all tasks share, in turn. */
export const sharedTrainer = (trainer: Trainer): TrainerPool => ({
  take: () => ({ trainer, giveBack: () => undefined }),
  trainer,
  close: trainer.close,
})
