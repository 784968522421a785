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

/** Three that are read at the same time, in the order in which they were: whose file comes first is anybody's guess. */
async function readTogether(t: TestContext) {
  const { records } = cache(t, 2)
  const finished: { readonly name: string; readonly first: object }[] = []
  await Promise.all(['a', 'b', 'c'].map(async (name) => finished.push({ name, first: await records(name) })))
  return finished.map(
    ({ name, first }) =>
      async () =>
        (await records(name)) === first,
  )
}

test('of those that are read at the same time the last stay, and no more than so many', async (t) => {
  const [, second, third] = await readTogether(t)
  assert.deepEqual([await third?.(), await second?.()], [true, true])
  const [oldest] = await readTogether(t)
  assert.equal(await oldest?.(), false)
})
