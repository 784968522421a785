/** The data of several studies in memory: each is read once while it is among the last, and no more than so many stay. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import { parseConfig } from './config.ts'
import { datasetCache } from './dataset.ts'
import { testCsv, testPlan } from './testing/hospital.ts'

function cache(t: TestContext, studies: number) {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-dataset-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'data.csv'), testCsv())
  const config = parseConfig('data: { file: data.csv }', 'site.yaml')
  const kept = datasetCache({ config, folder, site: 'budapest', studies })
  const { study } = validatePlan(testPlan)
  return { folder, records: (name: string) => kept.records(study, name) }
}

test('studies that take turns are each read once', async (t) => {
  const { folder, records } = cache(t, 2)
  const [a, b] = [await records('a'), await records('b')]
  for (let turns = 0; turns < 3; turns++) {
    assert.equal(await records('a'), a)
    assert.equal(await records('b'), b)
  }
  // A third makes room, and takes that of the one that was used longest ago.
  await records('c')
  assert.equal(await records('b'), b)
  assert.notEqual(await records('a'), a)
  writeFileSync(join(folder, 'data.csv'), testCsv(42))
  assert.equal((await records('b')).table.rows, 42)
})

test('those that are read at the same time are no more than so many afterwards', async (t) => {
  const { records } = cache(t, 2)
  const first = await Promise.all(['a', 'b', 'c'].map(records))
  const again = [await records('c'), await records('b'), await records('a')]
  assert.deepEqual(
    again.map((one) => first.includes(one)),
    [true, true, false],
  )
})
