/** A study of survival times, from tables to figures. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { estimateSchema } from '@wardround/core/metrics/schema.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { z } from 'zod'
import { document, scratch, wardround } from './support.ts'

const folder = scratch('survival')
const patients = 150

/** Exponential times whose hazard rises e-fold with each ten years of age; who is seen for less than that long is censored. */
function table(site: string): string {
  const random = seededRandom(['survival', site])
  const rows = Array.from({ length: patients }, (_, patient) => {
    const age = 40 + random.below(40)
    const [event, observed] = [
      -100 * Math.log(1 - random.uniform()) * Math.exp((60 - age) / 10),
      400 * random.uniform(),
    ]
    return `p${patient},${Math.min(event, observed).toFixed(3)},${event <= observed ? 1 : 0},${age}`
  })
  return `who,days,died,age\n${rows.join('\n')}\n`
}

const sites = ['north', 'south', 'west'].flatMap((site) => {
  const path = join(folder, `${site}.csv`)
  writeFileSync(path, table(site))
  return ['--site', `${site}=${path}`]
})
const study = join(folder, 'study.yaml')
writeFileSync(
  study,
  `wardround: 1
name: survival
question: How soon will this patient die?
data:
  patient: who
  target: { time: { column: days, unit: d, range: [0, 5000] }, event: { column: died, positive: "= 1" } }
  columns: { age: { type: number, unit: a, range: [0, 120] } }
  split: { test: 0.4, stratify: target }
model: { layers: [{ dense: 1, name: output }] }
training: { loss: coxPartialLikelihood, optimizer: { sgd: { rate: 0.2 } }, batch: 64, epochs: 2 }
strategy: { fedAvg: {} }
rounds: { maximum: 10, stop: { metric: loss, patience: 10 } }
`,
)

const model = z.object({ concordance: estimateSchema, accuracy: estimateSchema })
const shownSchema = z.looseObject({
  outcome: z.literal('completed'),
  weightsSha256: z.string(),
  sites: z.array(z.looseObject({ local: model, federated: model, difference: model })).length(3),
  overall: z.looseObject({ federated: model, centralised: model }),
})

async function ran(...args: readonly string[]) {
  const result = await wardround(['simulate', study, ...sites, ...args])
  assert.equal(result.code, 0, result.stdout + result.stderr)
  return result
}

test('who dies sooner is told as well as the times allow, and to the same bits again', async () => {
  const shown = shownSchema.parse(document(await ran('--json')))
  const { federated, centralised } = shown.overall
  // The model has one input: whichever has found its sign puts pairs in the same order.
  assert.equal(federated.concordance.value, centralised.concordance.value)
  assert.ok((federated.concordance.value ?? 0) > 0.7, String(federated.concordance.value))
  assert.equal(federated.accuracy.value, null)
  for (const site of shown.sites) {
    const { value, low, high, n } = site.federated.concordance
    assert.equal(n, 60)
    assert.ok(low !== null && high !== null && value !== null && 0.5 < low && low < value && value < high && high < 1)
    assert.equal(site.difference.concordance.value, value - (site.local.concordance.value ?? Number.NaN))
  }
  assert.equal(shownSchema.parse(document(await ran('--json'))).weightsSha256, shown.weightsSha256)
})

test('a person reads the concordance, and of no figure that times have not', async () => {
  const { stdout } = await ran()
  assert.match(stdout, /concordance \(95 %\)/)
  assert.doesNotMatch(stdout, /Brier|accuracy|AUROC|mean squared error/)
})
