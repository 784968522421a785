/** The training patients of the published split, divided again: what a recipe is chosen by. No test patient is among them. */
import { permutation, seededRandom } from '@wardround/core/random.ts'
import type { Patient } from './patients.ts'

export const folds = [0, 1, 2, 3, 4] as const

/** Of each fold, the training patients with those of the fold held back. Regions, and who died there, are dealt out evenly; `division` names the draw. */
export function divided(patients: readonly Patient[], division: number): readonly (readonly Patient[])[] {
  const training = patients.filter(({ part }) => part === 'training')
  const foldOf = new Map<string, number>()
  for (const [region, own] of Map.groupBy(training, (patient) => patient.region)) {
    let dealt = 0
    for (const died of [true, false]) {
      const ids = own.filter((patient) => patient.died === died).map(({ id }) => id)
      const labels = ['breast-cancer-survival', division, region, String(died)]
      for (const place of permutation(ids.length, seededRandom(labels)))
        foldOf.set(ids[place] ?? '', dealt++ % folds.length)
    }
  }
  return folds.map((fold) =>
    training.map((patient) => ({ ...patient, part: foldOf.get(patient.id) === fold ? 'test' : 'training' })),
  )
}
