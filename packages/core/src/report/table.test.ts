import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Estimate } from '../metrics/schema.ts'
import type { Results, SiteResult } from '../protocol/results.ts'
import type { ModelResult } from '../protocol/task.ts'
import { tableWords } from '../words/en/table.ts'
import { resultTable } from './table.ts'
import { sampleResults } from './testing/sample-results.ts'

const plain = (results: Results): string[] => resultTable(results, { isTTY: false })
const unknown: Estimate = { value: null, low: null, high: null, n: null }
const nothing = { accuracy: unknown, auroc: unknown, brier: unknown }
const hidden: ModelResult = { ...nothing, statistic: null }
const squares = { squaredErrorSum: 12, absoluteErrorSum: 4, targetSum: 6, targetSquareSum: 20 }

/** Results whose first hospital is as `change` says. */
function withFirst(results: Results, change: Partial<SiteResult>): Results {
  const [first, ...others] = results.sites
  assert.ok(first)
  return { ...results, sites: [{ ...first, ...change }, ...others] }
}

test('a hospital has a line a model, each with its figures under their headings, and its n', () => {
  const results = sampleResults({ rounds: 3 })
  const lines = plain(results)
  const [, , , header = ''] = lines
  assert.match(header, /^hospital +n +model +accuracy \(95 %\) +AUROC \(95 %\) +Brier$/)
  const [site] = results.sites
  assert.ok(site)
  const at = lines.findIndex((line) => line.startsWith('aarhus '))
  const [local = '', federated = '', centralised = ''] = lines.slice(at, at + 3)
  assert.match(local, /^aarhus +103 +local only /)
  assert.match(federated, /^ +federated /)
  assert.match(centralised, /^ +centralised /)
  const { value, low, high } = site.federated.auroc
  const shown = [value, low, high].map((figure) => (figure ?? Number.NaN).toFixed(3))
  assert.ok(federated.includes(`${shown[0]} (${shown[1]}–${shown[2]})`), federated)
  assert.ok(federated.endsWith(` ${(site.federated.brier.value ?? Number.NaN).toFixed(3)}`), federated)
  assert.equal(lines.filter((line) => line.startsWith('all together')).length, 1)
})

test('no line is wider than a terminal', () => {
  for (const line of plain(sampleResults({ rounds: 3 })).slice(3, 20)) assert.ok(line.length <= 80, line)
})

test('of a hospital with too few patients nothing is said but that', () => {
  const lines = plain(
    withFirst(sampleResults({ rounds: 3 }), {
      nTest: null,
      local: hidden,
      federated: hidden,
      centralised: null,
      difference: nothing,
    }),
  )
  const row = lines.find((line) => line.startsWith('aarhus '))
  assert.match(row ?? '', /^aarhus +hidden +local only +– +– +–$/)
  assert.ok(lines.includes('aarhus: too few patients to show'))
  assert.equal(lines.filter((line) => line.startsWith('aarhus')).length, 2)
})

test('a verdict names the metrics that joining changed', () => {
  const apart = (low: number, high: number): Estimate => ({ value: (low + high) / 2, low, high, n: 103 })
  const results = sampleResults({ rounds: 3 })
  const verdict = (difference: SiteResult['difference']): string | undefined =>
    plain(withFirst(results, { difference })).find((line) => line.startsWith('aarhus: '))
  assert.equal(
    verdict({ accuracy: apart(0.01, 0.2), auroc: apart(-0.1, 0.1), brier: apart(0.01, 0.1) }),
    'aarhus: federated is better in accuracy, worse in Brier score than local only',
  )
  assert.equal(
    verdict({ accuracy: apart(-0.1, 0.2), auroc: unknown, brier: apart(-0.1, 0.1) }),
    'aarhus: federated and local only cannot be told apart on these patients',
  )
})

test('a study of a number shows its errors and R², in four digits that count', () => {
  const results = sampleResults({ rounds: 3, numbers: true })
  const lines = plain(results)
  assert.match(lines[3] ?? '', /^hospital +n +model +MAE \(95 %\) +RMSE \(95 %\) +R²$/)
  const [site] = results.sites
  const { meanAbsoluteError: mae, r2 } = site?.federated ?? {}
  const local = lines.findIndex((line) => line.startsWith('aarhus '))
  const shown = [mae?.value, mae?.low, mae?.high].map((value) => (value ?? Number.NaN).toFixed(3))
  const federated = lines[local + 1] ?? ''
  assert.ok(federated.includes(`federated    ${shown[0]} (${shown[1]}–${shown[2]})`), federated)
  assert.ok(federated.endsWith(` ${r2?.value?.toFixed(3)}`), federated)
  for (const line of lines.slice(3, 20)) assert.ok(line.length <= 80, line)
  assert.ok(lines.some((line) => /^aarhus: federated is better in mean absolute error/.test(line)))
  assert.ok(lines.some((line) => line.endsWith('Errors are in the unit of the target.')))
})

test('an amount has four digits that count in the largest of its numbers, a share three after the point', () => {
  const shown = (value: number, low: number, high: number) => ({ value, low, high, n: 9 })
  const { estimate } = tableWords
  assert.equal(estimate('meanAbsoluteError', shown(12.3456, 9.87654, 14)), '12.35 (9.88–14.00)')
  assert.equal(estimate('rootMeanSquaredError', shown(12345.6, 9876.54, 14000)), '12346 (9877–14000)')
  assert.equal(estimate('meanSquaredError', shown(0.00123456, 0, 0.002)), '0.001235 (0.000000–0.002000)')
  assert.equal(estimate('meanAbsoluteError', shown(0, 0, 0)), '0.000 (0.000–0.000)')
  assert.equal(estimate('r2', shown(-12.3456, -20, 0.5)), '-12.346 (-20.000 to 0.500)')
})

test('results of a number from before it had figures show the same values, without intervals', () => {
  const statistic = { kind: 'regression', records: 4, patients: 3, ...squares } as const
  const counted = { value: null, low: null, high: null, n: 3 }
  const model: ModelResult = { accuracy: counted, auroc: counted, brier: counted, statistic }
  const models = { local: model, federated: model, centralised: null }
  const results = sampleResults({ rounds: 3, numbers: true })
  const [site] = results.sites
  assert.ok(site)
  const lines = plain({ ...results, sites: [{ ...site, nTest: 3, ...models, difference: nothing }], overall: models })
  // Σ|e| / n = 1, √(Σe² / n) = √3, 1 − 12 / (20 − 36 / 4) = −1/11.
  assert.match(lines[4] ?? '', /^aarhus +3 +local only +1\.000 +1\.732 +-0\.091$/)
  assert.equal(lines.filter((line) => line.startsWith('aarhus')).length, 1)
})

test('where every hospital is too small, the columns are those of the outcome', () => {
  for (const [numbers, heading] of [
    [false, /model +accuracy \(95 %\) +AUROC \(95 %\) +Brier$/],
    [true, /model +MAE \(95 %\) +RMSE \(95 %\) +R²$/],
  ] as const) {
    const results = sampleResults({ rounds: 3, numbers })
    const models = { local: hidden, federated: hidden, centralised: null }
    const sites = results.sites.map((site) => ({ ...site, nTest: null, ...models, difference: nothing }))
    const lines = plain({ ...results, sites, overall: models })
    assert.match(lines[3] ?? '', heading)
    assert.match(lines[4] ?? '', /^aarhus +hidden +local only +– +– +–$/)
  }
})

test('headings stand out in a terminal only', () => {
  const results = sampleResults({ rounds: 3 })
  assert.ok(resultTable(results, { isTTY: true }).some((line) => line.startsWith('\u001b[1mhospital')))
  assert.ok(!plain(results).join('').includes('\u001b'))
})

test('one round is one', () => {
  for (const [rounds, text] of [
    [1, '1 round ('],
    [3, '3 rounds ('],
  ] as const)
    assert.ok(plain(sampleResults({ rounds })).some((line) => line.startsWith(text)))
})
