/** The table of a hospital's heart records, for a federation in memory. */
import type { Study } from '@wardround/core/study/study.ts'
import { type Hospital, hospitalOf } from '../../examples/shared/in-memory.ts'
import type { HeartRecord } from '../fed-heart-disease.ts'

export const heartHospitalOf = (study: Study, site: string, records: readonly HeartRecord[]): Hospital =>
  hospitalOf(
    study,
    site,
    records.map(({ features, num, part }, index) => {
      const numbers = Object.entries(features).map(([name, value]) => [name, String(value)])
      return { ...Object.fromEntries(numbers), patient_id: String(index), num: String(num), part }
    }),
  )
