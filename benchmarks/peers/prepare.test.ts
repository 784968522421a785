import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { splitPatients } from '@wardround/core/preparation/split.ts'
import { parseStudy } from '@wardround/core/protocol/plan.ts'
import { type HeartRecord, prepareData, readCenter, siteNames, withPseudonyms } from './prepare.ts'

const here = dirname(fileURLToPath(import.meta.url))
const studyFile = join(here, 'study.yaml')
const { study, warnings } = parseStudy(readFileSync(studyFile, 'utf8'), studyFile)
const real = join(here, '..', '..', '..', 'shared', 'data', 'heart_disease')
const skip = existsSync(join(real, 'flamby_split.csv')) ? false : `no ${real}: the real files are not tested`

/** FLamby's counts (du Terrail et al. 2022, table of Fed-Heart-Disease): training and test records. */
const counts = { cleveland: [199, 104], budapest: [172, 89], zurich: [30, 16], longbeach: [85, 45] } as const

/** Test records spread evenly over the file: an order that no hash would give. */
const spread = (train: number, tests: number): HeartRecord[] =>
  Array.from({ length: train + tests }, (_, index) => {
    const testsUntil = (row: number): number => Math.floor((row * tests) / (train + tests))
    return {
      part: testsUntil(index + 1) > testsUntil(index) ? 'test' : 'train',
      features: { age: index },
      num: index % 2,
    }
  })

test("the study has FLamby's thirteen inputs and nothing to warn of", () => {
  assert.equal(Object.keys(study.data.columns).length, 13)
  assert.ok(Object.values(study.data.columns).every(({ type }) => type === 'number'))
  assert.deepEqual(warnings, [])
  assert.deepEqual(siteNames, Object.keys(counts).toSorted())
})

test("with the pseudonyms given, Wardround's own split is the wanted one, record for record", () => {
  for (const [site, [train, tests]] of Object.entries(counts)) {
    const records = spread(train, tests)
    const named = withPseudonyms(records, study, site)
    assert.equal(new Set(named.map(({ patient }) => patient)).size, train + tests)
    const table = { patients: named.map(({ patient }) => patient), target: Float32Array.from(named, ({ num }) => num) }
    const split = splitPatients(table, study, site)
    assert.deepEqual(
      [...split.test],
      named.flatMap(({ part }, row) => (part === 'test' ? [row] : [])),
    )
    assert.equal(split.training.length, train)
  }
})

test('another number of test records than the study draws is refused', () => {
  assert.throws(() => withPseudonyms(spread(50, 3), study, 'zurich'), { code: 'WR_STUDY_INVALID' })
})

test('the real files: 740 records in the published split, dummies without their first level', { skip }, () => {
  const centers = [0, 1, 2, 3].map((center) => readCenter(real, center))
  const sizes = centers.map((records) => [
    records.filter(({ part }) => part === 'train').length,
    records.filter(({ part }) => part === 'test').length,
  ])
  assert.deepEqual(sizes, [counts.cleveland, counts.budapest, counts.zurich, counts.longbeach])
  // Cleveland's first record, from the file: 63,1,1,145,233,1,2,150,0,2.3,…,0: cp 1 is the reference, restecg 2 is not.
  assert.deepEqual(centers[0]?.[0], {
    part: 'train',
    features: {
      age: 63,
      sex: 1,
      cp_2: 0,
      cp_3: 0,
      cp_4: 0,
      trestbps: 145,
      chol: 233,
      fbs: 1,
      restecg_1: 0,
      restecg_2: 1,
      thalach: 150,
      exang: 0,
      oldpeak: 2.3,
    },
    num: 0,
  })
})

test('the files have the columns that the study names, and one line a record', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'wp-'))
  try {
    prepareData({ from: real, to: folder, studyFile })
    const [header = '', ...lines] = readFileSync(join(folder, 'zurich.csv'), 'utf8').trim().split('\n')
    assert.deepEqual(
      header.split(',').toSorted(),
      [...Object.keys(study.data.columns), 'num', 'part', 'patient_id'].toSorted(),
    )
    assert.equal(lines.length, 46)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
