/** The preparation that a hospital would have by itself: the plan's rules on its own training records, as if there were nobody else. */
import type { ColumnSpec, Study } from '../study/study.ts'
import { orderedCodes, orderedColumns } from './encoding.ts'
import { mergedColumns } from './merge.ts'
import type { Preparation, PreparedColumn } from './schema.ts'
import type { Split } from './split.ts'
import { surveyOf } from './survey.ts'
import type { TypedTable } from './table.ts'

/** Nothing of it leaves, so nothing is hidden. A column of which the hospital has no value is the same for every record. */
export function ownPreparation(
  study: Study,
  { table, split }: { readonly table: TypedTable; readonly split: Split },
  site: string,
): Preparation {
  const survey = surveyOf({ study, table, findings: [], split, minimumCohort: 1 })
  const merged = mergedColumns({ [site]: survey }, study)
  const columns = orderedColumns(study.data.columns).map(([name, spec], index) => merged[index] ?? constant(name, spec))
  return { columns, normalise: study.data.normalise, contributors: [site] }
}

function constant(name: string, spec: ColumnSpec): PreparedColumn {
  if (spec.type === 'number') return { name, type: 'number', fill: 0, mean: 0, standardDeviation: 1 }
  if (spec.type === 'image') {
    const each = (value: number): number[] => new Array<number>(spec.channels).fill(value)
    return { name, type: 'image', extents: [spec.channels, ...spec.size], mean: each(0), standardDeviation: each(255) }
  }
  const codes = [...orderedCodes(spec.values)]
  return { name, type: 'category', codes, fill: codes[0] ?? '' }
}
