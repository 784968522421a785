/** A study of masks, from hospitals' PNG files to figures and to masks that the finished model marks. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { estimateSchema } from '@wardround/core/metrics/schema.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { encode } from 'fast-png'
import { z } from 'zod'
import { document, scratch, wardround } from './support.ts'

const folder = scratch('segmentation')
const [patients, side] = [40, 16]

const png = (path: string, levels: ArrayLike<number>): void =>
  writeFileSync(path, encode({ width: side, height: side, channels: 1, depth: 8, data: Uint8Array.from(levels) }))

/** A bright square on a dark, noisy ground, and the mask of it; of every fourth patient there is none. */
function hospital(name: string): string {
  const random = seededRandom(['segmentation', name])
  const own = join(folder, name)
  mkdirSync(own)
  const rows = Array.from({ length: patients }, (_, patient) => {
    const [size, left, top] = [patient % 4 === 0 ? 0 : 4 + random.below(5), random.below(8), random.below(8)]
    const isInside = (pixel: number): boolean => {
      const [y, x] = [Math.floor(pixel / side) - top, (pixel % side) - left]
      return x >= 0 && x < size && y >= 0 && y < size
    }
    const pixels = Array.from({ length: side * side }, (_, pixel) => isInside(pixel))
    png(
      join(own, `scan${patient}.png`),
      pixels.map((inside) => (inside ? 110 : 40) + random.below(90)),
    )
    png(
      join(own, `mask${patient}.png`),
      pixels.map((inside) => (inside ? 255 : 0)),
    )
    return `p${patient},scan${patient}.png,mask${patient}.png`
  })
  writeFileSync(join(own, 'data.csv'), `who,scan,mask\n${rows.join('\n')}\n`)
  const site = join(own, 'site.yaml')
  writeFileSync(
    site,
    'data: { file: data.csv }\ncolumns:\n  scan: { column: scan, folder: . }\n  mask: { column: mask, folder: . }\n',
  )
  return site
}

const sites = ['north', 'south', 'west'].flatMap((name) => ['--site', `${name}=${hospital(name)}`])
const study = join(folder, 'study.yaml')
writeFileSync(
  study,
  `wardround: 1
name: squares
question: Where is the square?
data:
  patient: who
  target: { column: mask, mask: { 0: ground, 255: square } }
  columns: { scan: { type: image, size: [${side}, ${side}] } }
  split: { test: 0.3, stratify: target }
  minimumCohort: 3
model:
  layers:
    - { conv2d: 4, kernel: 3, padding: same, activation: relu }
    - concat:
        - []
        - [{ maxPool2d: 2 }, { conv2d: 8, kernel: 3, padding: same, activation: relu }, { upsample: 2 }]
    - { conv2d: 1, kernel: 3, padding: same, name: output }
training:
  loss: diceCrossEntropy
  optimizer: { adam: { rate: 0.02 } }
  batch: 8
  epochs: 4
  augment: { flip: both }
strategy: { fedAvg: {} }
rounds: { maximum: 6, stop: { metric: dice, patience: 6 } }
`,
)

const watchedSchema = z.looseObject({
  metric: z.literal('dice'),
  rounds: z.array(z.looseObject({ overall: z.looseObject({ value: z.number().min(0).max(1) }) })).min(2),
})
const model = z.object({ dice: estimateSchema, iou: estimateSchema, accuracy: estimateSchema })
const shownSchema = z.looseObject({
  outcome: z.literal('completed'),
  weightsSha256: z.string(),
  bestRound: z.int(),
  sites: z.array(z.looseObject({ local: model, federated: model, difference: model })).length(3),
  overall: z.looseObject({ federated: model, centralised: model }),
})

async function ran(...args: readonly string[]) {
  const result = await wardround(['simulate', study, ...sites, ...args])
  assert.equal(result.code, 0, result.stdout + result.stderr)
  return result
}
const report = join(folder, 'report')

test('squares are found in hospitals’ images, together as well as pooled, and to the same bits again', async () => {
  const shown = shownSchema.parse(document(await ran('--out', report, '--json')))
  const { federated, centralised } = shown.overall
  for (const { dice, iou, accuracy } of [federated, centralised]) {
    assert.ok(dice.value !== null && dice.value > 0.8 && dice.value <= 1, String(dice.value))
    assert.ok(iou.value !== null && iou.value < dice.value && iou.value > dice.value / 2)
    assert.equal(accuracy.value, null)
  }
  for (const site of shown.sites) {
    const { value, low, high, n } = site.federated.dice
    assert.equal(n, 12)
    assert.ok(low !== null && high !== null && value !== null && low <= value && value <= high && low > 0.5)
    assert.equal(site.difference.dice.value, value - (site.local.dice.value ?? Number.NaN))
  }
  // The rule goes by Dice.
  const { rounds } = watchedSchema.parse(JSON.parse(readFileSync(join(report, 'report.json'), 'utf8')))
  const values = rounds.map(({ overall }) => overall.value)
  assert.equal(shown.bestRound, 1 + values.indexOf(Math.max(...values)))
  assert.equal(shownSchema.parse(document(await ran('--json'))).weightsSha256, shown.weightsSha256)
})
