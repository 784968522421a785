import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { estimateSchema } from '@wardround/core/metrics/schema.ts'
import { layersIn } from '@wardround/core/study/model-forms.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import { runStudy } from './federation.ts'
import { rowOf } from './figures.ts'
import { federations, minimumStays, sitesOf, testedPatients, writeSites } from './prepare.ts'
import { documentOf, models, recipeFor, studyOf } from './run.ts'
import { readStays, type Stay, seriesColumns, usualFolder } from './stays.ts'

const skip: string | false = existsSync(join(usualFolder(), 'icu_stays.csv'))
  ? false
  : 'SKIPPED: the eICU demo is not at ../shared/data/eicu_demo'

const stays: readonly Stay[] = skip === false ? await readStays(usualFolder()) : []
const folder = mkdtempSync(join(tmpdir(), 'wardround-icu-'))
const trainer = createTrainer()
after(async () => {
  await trainer.close()
  rmSync(folder, { recursive: true })
})

test('the series of the GRU is its windows in the order of their names, the same features in each', () => {
  const inputs = Object.keys(studyOf('gru').data.columns).toSorted()
  assert.deepEqual(inputs, seriesColumns)
  const features = (window: number): string[] =>
    inputs.flatMap((name) => (name.startsWith(`v${window}_`) ? [name.slice(3)] : []))
  for (const window of [1, 2, 3, 4, 5]) assert.deepEqual(features(window), features(0))
  assert.deepEqual(layersIn(studyOf('gru').model)[0], { reshape: [6, features(0).length] })
})

test('no study reads what is known only afterwards, and logistic and MLP read the same', () => {
  for (const model of models)
    for (const name of Object.keys(studyOf(model).data.columns))
      assert.doesNotMatch(name, /apache|score$|los|mortality|_n24h/)
  assert.deepEqual(studyOf('logistic').data, studyOf('mlp').data)
})

test('stays are those of PROVENANCE with a known outcome', { skip }, () => {
  // 2,520 stays less 28 without an outcome; 212 deaths; 186 hospitals.
  assert.deepEqual(
    [stays.length, stays.filter(({ died }) => died).length, new Set(stays.map(({ hospital }) => hospital)).size],
    [2492, 212, 186],
  )
  const columns = Object.keys(stays[0]?.cells ?? {})
  for (const model of models)
    for (const name of Object.keys(studyOf(model).data.columns)) assert.ok(columns.includes(name), name)
})

test('a window without a measurement has that of the one before', { skip }, () => {
  for (const { cells } of stays)
    for (const window of [1, 2, 3, 4, 5])
      assert.ok(cells[`v${window}_sbp`] !== '' || cells[`v${window - 1}_sbp`] === '')
  assert.ok(stays.filter(({ cells }) => cells.v5_sbp !== '').length > 2000)
})

test('nobody is on two sides, in either federation; hospitals have at least 20 stays', { skip }, () => {
  for (const federation of federations) {
    const names = writeSites(stays, folder, { federation, seed: 1 })
    assert.equal(readdirSync(folder).length, 2 * names.length)
    const parts = new Map<string, string>()
    for (const name of names) {
      const [, ...lines] = readFileSync(join(folder, `${name}.csv`), 'utf8')
        .trim()
        .split('\n')
      if (federation === 'hospitals') assert.ok(lines.length >= minimumStays)
      for (const line of lines) {
        const [patient = '', part = ''] = line.split(',')
        assert.equal(parts.get(patient) ?? part, part)
        parts.set(patient, part)
      }
    }
    const tested = [...parts.values()].filter((part) => part === 'test').length
    assert.ok(Math.abs(tested / parts.size - 0.4) < 0.02)
  }
  assert.notDeepEqual(testedPatients(stays, 1), testedPatients(stays, 2))
  assert.equal(sitesOf(stays, 'hospitals').size, 11)
})

test('a round at three hospitals ends in the figures that the example tells', { skip }, async () => {
  const some = new Set([...sitesOf(stays, 'hospitals').values()].slice(0, 3).flat())
  const study = studyOf('logistic')
  const results = await runStudy(
    { ...study, rounds: { ...study.rounds, maximum: 1 } },
    { stays: stays.filter((stay) => some.has(stay)), federation: 'hospitals', seed: 1 },
    { trainer, signal: new AbortController().signal },
  )
  const row = rowOf('hospitals', 'logistic', [results])
  const document = documentOf({ rows: [row], first: results, seconds: 1 })
  assert.deepEqual(
    [document.outcome, document.rounds, document.sites.length, document.rows],
    ['completed', 1, 3, [row]],
  )
  assert.deepEqual([row.sites, row.rounds, row.nTest, row.auroc.pooled.n], [3, 1, 12, 12])
  for (const estimate of Object.values(row.auroc)) estimateSchema.parse(estimate)

  const behind = (by: number): typeof results => {
    const auroc = (value: number) => ({ accuracy: none, auroc: { ...none, value }, brier: none, statistic: null })
    return { ...results, overall: { federated: auroc(0.8), local: auroc(0.7), centralised: auroc(0.8 + by) } }
  }
  const one = rowOf('hospitals', 'logistic', [behind(0.009)])
  assert.deepEqual(one.withinTarget, { firstSplit: true, overSplits: true })
  const both = rowOf('hospitals', 'logistic', [behind(0.009), behind(0.029)])
  assert.deepEqual(both.withinTarget, { firstSplit: true, overSplits: false })
  const { mean, error, splits } = both.overSplits.federatedMinusPooled
  assert.ok(Math.abs((mean ?? 0) + 0.019) < 1e-9 && Math.abs((error ?? 0) - 0.01) < 1e-9 && splits === 2)
  assert.ok(Math.abs((one.federatedMinusLocal ?? 0) - 0.1) < 1e-9)
})

const none = { value: null, low: null, high: null, n: null }

test('what hospitals learn by their recipe is what all their records teach', { skip }, async () => {
  const some = new Set([...sitesOf(stays, 'hospitals').values()].slice(0, 4).flat())
  for (const model of models) {
    const study = recipeFor('hospitals', studyOf(model))
    const { overall } = await runStudy(
      { ...study, rounds: { ...study.rounds, maximum: 4 } },
      { stays: stays.filter((stay) => some.has(stay)), federation: 'hospitals', seed: 1 },
      { trainer, signal: new AbortController().signal },
    )
    const [together, pooled] = [overall.federated.brier.value, overall.centralised?.brier.value]
    assert.ok(Math.abs((together ?? Number.NaN) - (pooled ?? Number.NaN)) < 1e-5, `${model}: ${together} and ${pooled}`)
    assert.notEqual(together, overall.local.brier.value)
  }
  assert.equal(recipeFor('regions', studyOf('mlp')).rounds.maximum, studyOf('mlp').rounds.maximum)
})
