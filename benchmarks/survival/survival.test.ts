import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Patient, regions } from '../../examples/breast-cancer-survival/patients.ts'
import { published } from './published.ts'
import { rowOf } from './survival.ts'
import { survivalTable } from './table.ts'

/** Two patients of each region, who die on days 1 and 2. */
const patients = regions.flatMap((region, index) =>
  [1, 2].map(
    (days): Patient => ({ id: `${region} ${days}`, region, part: 'test', days, died: true, findings: [String(index)] }),
  ),
)

test('a row has pairs of one region, their mean over regions, and pairs of two regions', () => {
  // Canada the wrong way round, and its log-hazards between those of the others.
  const scores = new Map(
    patients.map(({ id, region, days }) => [id, region === 'canada' ? 5 + days : 10 / days] as const),
  )
  const row = rowOf('made up', patients, scores)
  assert.deepEqual(row.perRegion, { canada: 0, europe: 1, midwest: 1, northeast: 1, south: 1, west: 1 })
  assert.ok(Math.abs(row.meanOfRegions - 5 / 6) < 1e-12)
  assert.ok(Math.abs(row.allRegions - 5 / 6) < 1e-12)
  // Of 36 pairs of unlike days Canada's own alone is out of order.
  assert.ok(Math.abs(row.acrossRegions - 35 / 36) < 1e-12)
  const report = {
    ...{ lifelinesVersion: '0', penalizer: 0.1, rows: [row], tried: [{ penalizer: 0.1, concordance: 0.7 }] },
    ...{ largestDifference: 0, published },
  }
  assert.match(survivalTable(report), /made up +0\.833 +0\.833 +0\.972 +0\.000 +1\.000/)
})
