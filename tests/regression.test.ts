/** A study of a number, from tables to figures: all that its outcome has, and what is asked for alone. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Estimate, estimateSchema } from '@wardround/core/metrics/schema.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { z } from 'zod'
import { document, scratch, wardround } from './support.ts'

const folder = scratch('regression')
const patients = 60

/** Nobody stays by age alone: two days to either side. */
function table(site: string): string {
  const random = seededRandom(['regression', site])
  const rows = Array.from({ length: patients }, (_, patient) => {
    const age = 40 + random.below(40)
    return `p${patient},${(age / 4 - 5 + 4 * random.uniform()).toFixed(2)},${age}`
  })
  return `who,stay,age\n${rows.join('\n')}\n`
}

const sites = ['north', 'south'].flatMap((site) => {
  const path = join(folder, `${site}.csv`)
  writeFileSync(path, table(site))
  return ['--site', `${site}=${path}`]
})

/** What a study says of `evaluate`, and of how many patients somebody may speak. */
function study(name: string, { evaluate = '', minimumCohort = 10 } = {}): string {
  const path = join(folder, `${name}.yaml`)
  writeFileSync(
    path,
    `wardround: 1
name: ${name}
question: How long will this patient stay?
data:
  patient: who
  target: { column: stay, unit: d, range: [0, 60] }
  columns: { age: { type: number, unit: a, range: [0, 120] } }
  split: { test: 0.4 }
  minimumCohort: ${minimumCohort}
model: { layers: [{ dense: 1, name: output }] }
training: { loss: meanSquaredError, optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 2 }
strategy: { fedAvg: {} }
rounds: { maximum: 8, stop: { metric: loss, patience: 8 } }
${evaluate}
`,
  )
  return path
}

const model = z.record(z.string(), estimateSchema)
const shownSchema = z.looseObject({
  outcome: z.literal('completed'),
  sites: z.array(z.looseObject({ local: model, federated: model, centralised: model, difference: model })).length(2),
  overall: z.looseObject({ federated: model, centralised: model }),
})

async function ran(file: string, ...args: readonly string[]) {
  const result = await wardround(['simulate', file, ...sites, ...args])
  assert.equal(result.code, 0, result.stdout + result.stderr)
  return result
}

const unasked = ['accuracy', 'auroc', 'brier']
const all = ['meanAbsoluteError', 'rootMeanSquaredError', 'r2']

test('a number has its errors and R², with intervals at each hospital and for the mean of all', async () => {
  const out = join(folder, 'out')
  const { sites: shown, overall } = shownSchema.parse(document(await ran(study('all'), '--json', '--out', out)))
  for (const site of shown)
    for (const own of [site.local, site.federated, site.centralised, site.difference]) {
      assert.deepEqual(Object.keys(own), [...unasked, ...all])
      for (const name of unasked) assert.deepEqual(own[name], { value: null, low: null, high: null, n: 24 })
      for (const name of all) {
        const { value, low, high, n } = own[name] ?? assert.fail(name)
        assert.ok(value !== null && low !== null && high !== null && low <= value && value <= high, name)
        assert.equal(n, 24)
      }
    }
  const { meanAbsoluteError, rootMeanSquaredError, r2 } = overall.federated as Record<string, Estimate>
  // Uniform from −2 to 2 around the line: a mean absolute error of 1, a root mean square of 2 / √3; age explains the rest.
  assert.ok((meanAbsoluteError?.low ?? 9) < 1 && 1 < (meanAbsoluteError?.high ?? 0), JSON.stringify(meanAbsoluteError))
  assert.ok(Math.abs((rootMeanSquaredError?.value ?? 9) - 2 / Math.sqrt(3)) < 0.25)
  assert.ok((r2?.value ?? 0) > 0.7)
  assert.deepEqual([rootMeanSquaredError?.low, r2?.low, r2?.n], [null, null, 48])
  const html = readFileSync(join(out, 'report.html'), 'utf8')
  for (const text of ['mean absolute error (95 %)', 'R² (95 %)', 'higher is better for', 'lower is better for'])
    assert.ok(html.toLowerCase().includes(text.toLowerCase()), text)
  assert.doesNotMatch(html, /AUROC|Brier/)
})

test('what is not asked for is not in the result, and not in what a person reads', async () => {
  const file = study('some', { evaluate: 'evaluate: [r2]' })
  const { sites: shown, overall } = shownSchema.parse(document(await ran(file, '--json')))
  for (const own of [...shown.flatMap((site) => [site.local, site.federated, site.difference]), overall.federated])
    assert.deepEqual(Object.keys(own), [...unasked, 'r2'])
  const { stdout } = await ran(file)
  assert.match(stdout, /model +R² \(95 %\)\n/)
  assert.doesNotMatch(stdout, /MAE|RMSE|mean squared error|AUROC/)
})

test('where the test patients of every hospital are too few, the figures of the outcome are named, and hidden', async () => {
  const { stdout } = await ran(study('hidden', { minimumCohort: 30 }))
  assert.match(stdout, /model +MAE \(95 %\) +RMSE \(95 %\) +R²\n/)
  assert.match(stdout, /north +hidden +local only +– +– +–\n/)
})
