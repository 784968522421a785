import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { splitPatients } from '@wardround/core/preparation/split.ts'
import { parseStudy } from '@wardround/core/protocol/plan.ts'
import { parseConfig } from '@wardround/site/config.ts'
import { loadTable } from '@wardround/site/data/load.ts'
import { centerSites, readCenter, siteNames, usualFolder, writeCenters } from './fed-heart-disease.ts'

const studyFiles = ['peers', 'flamby-heart'].map((name) => new URL(`${name}/study.yaml`, import.meta.url))
const real = usualFolder()
const skip = existsSync(join(real, 'flamby_split.csv')) ? false : `no ${real}: the real files are not tested`

/** FLamby's counts (du Terrail et al. 2022, table of Fed-Heart-Disease): training and test records. */
const counts = { cleveland: [199, 104], budapest: [172, 89], zurich: [30, 16], longbeach: [85, 45] } as const

for (const file of studyFiles)
  test(`${file.pathname.split('/').at(-2)}: the study has FLamby's thirteen inputs and nothing to warn of`, () => {
    const { study, warnings } = parseStudy(readFileSync(file, 'utf8'), file.pathname)
    assert.equal(Object.keys(study.data.columns).length, 13)
    assert.ok(Object.values(study.data.columns).every(({ type }) => type === 'number'))
    assert.deepEqual(warnings, [])
    assert.deepEqual(siteNames, Object.keys(counts).toSorted())
  })

test('the real files: 740 records in the published split, dummies without their first level', { skip }, () => {
  const centers = [0, 1, 2, 3].map((center) => readCenter(real, center))
  const sizes = centers.map((records) => [
    records.filter(({ part }) => part === 'training').length,
    records.filter(({ part }) => part === 'test').length,
  ])
  assert.deepEqual(sizes, [counts.cleveland, counts.budapest, counts.zurich, counts.longbeach])
  // Cleveland's first record, from the file: 63,1,1,145,233,1,2,150,0,2.3,…,0: cp 1 is the reference, restecg 2 is not.
  assert.deepEqual(centers[0]?.[0], {
    part: 'training',
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

test("a study reads from the files FLamby's split, record for record, and finds no fault", { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-heart-'))
  try {
    writeCenters({ from: real, to: folder })
    const { study } = parseStudy(readFileSync(studyFiles[1] ?? '', 'utf8'))
    for (const [center, site] of centerSites.entries()) {
      const config = parseConfig(`data: { file: ${site}.csv }`, 'site.yaml')
      const { table, findings } = await loadTable({ config, folder, study })
      assert.deepEqual(
        findings.filter(({ severity }) => severity === 'error'),
        [],
      )
      const records = readCenter(real, center)
      const rowsOf = (wanted: string) => records.flatMap(({ part }, row) => (part === wanted ? [row] : []))
      const split = splitPatients(table, study, site)
      assert.deepEqual([[...split.training], [...split.test]], [rowsOf('training'), rowsOf('test')])
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
