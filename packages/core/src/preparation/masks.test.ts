/** Masks as a target, from levels to what a model is trained on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Study, studySchema } from '../study/study.ts'
import { maskForm } from './encoding.ts'
import { mergeSurveys } from './merge.ts'
import type { Preparation } from './schema.ts'
import { splitPatients } from './split.ts'
import { surveyOf } from './survey.ts'
import { type RawImage, tableBuilder } from './table.ts'
import { scalesFor, transform } from './transform.ts'

const [height, width] = [2, 3]
const study: Study = studySchema.parse({
  wardround: 1,
  name: 'masks',
  question: 'Where?',
  data: {
    patient: 'who',
    target: { column: 'mask', mask: { 200: 'tumour', 7: 'background', 90: 'edema' } },
    columns: { scan: { type: 'image', size: [height, width] } },
    split: { test: 0.25, stratify: 'target' },
    minimumCohort: 2,
  },
  model: { layers: [{ conv2d: 3, kernel: 1 }] },
  training: { loss: 'dice', optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 1 },
  strategy: { fedAvg: {} },
  rounds: { maximum: 3 },
})

const picture = Uint8Array.from({ length: height * width }, (_, pixel) => 40 * pixel)
const blank = new Uint8Array(height * width).fill(7)

type Given = Uint8Array | RawImage
const image = (given: Given): RawImage =>
  given instanceof Uint8Array ? { levels: given, from: { width, height } } : given

function tableOf(masks: readonly Given[], scans: readonly Given[] = masks.map(() => picture)) {
  const builder = tableBuilder(study, new Set(['who', 'mask', 'scan']))
  for (const [row, mask] of masks.entries())
    builder.add({
      values: { who: `p${row}` },
      images: { mask: image(mask), scan: image(scans[row] ?? 'imageMissing') },
    })
  return builder.finish()
}
const told = (findings: ReturnType<typeof tableOf>['findings']) =>
  findings.map(({ code, severity, column, records }) => [code, severity, column, records])

test('labels are numbered by rising level, and a record counts as marked where anything is not background', () => {
  const { table, findings } = tableOf([Uint8Array.of(7, 90, 200, 7, 7, 90), blank])
  assert.deepEqual(
    table.masks?.map((mask) => [...mask]),
    [
      [0, 1, 2, 0, 0, 1],
      [0, 0, 0, 0, 0, 0],
    ],
  )
  assert.deepEqual([...table.target], [1, 0])
  assert.deepEqual(findings, [])
})

test('a record whose mask is not there, cannot be read, or has another level is left out and counted', () => {
  const strange = Uint8Array.of(7, 90, 200, 7, 7, 91)
  const marked = Uint8Array.of(7, 90, 200, 7, 7, 90)
  const { table, findings } = tableOf(
    [marked, 'imageMissing', 'imageUnreadable', strange, marked],
    [picture, picture, picture, picture, 'imageMissing'],
  )
  assert.deepEqual(table.patients, ['p0'])
  assert.equal(table.masks?.length, 1)
  assert.deepEqual(told(findings), [
    ['imageMissing', 'warning', 'mask', 1],
    ['imageUnreadable', 'warning', 'mask', 1],
    ['maskLevel', 'error', 'mask', 1],
    ['imageMissing', 'warning', 'scan', 1],
  ])
})

test('a mask that is not as wide for its height as its image is left out, as an error; of another size it is none', () => {
  const marked = Uint8Array.of(7, 90, 200, 7, 7, 90)
  const sized = (size: readonly [number, number]): RawImage => ({
    levels: marked,
    from: { width: size[0], height: size[1] },
  })
  // A third of its image in both directions, to the pixel; twice it; turned; cropped.
  const { table, findings } = tableOf(
    [sized([100, 67]), sized([600, 400]), sized([200, 300]), sized([300, 180])],
    [300, 300, 300, 300].map((across) => sized([across, 200])),
  )
  assert.deepEqual(table.patients, ['p0', 'p1'])
  assert.deepEqual(told(findings), [['maskProportions', 'error', 'mask', 2]])
})

test('where nothing is marked in any image there is nothing to learn; where everything is there is', () => {
  assert.deepEqual(told(tableOf([blank, blank]).findings), [['oneClass', 'error', 'mask', 2]])
  const marked = Uint8Array.of(7, 90, 200, 7, 7, 90)
  assert.deepEqual(tableOf([marked, marked]).findings, [])
})

const preparation: Preparation = {
  columns: [{ name: 'scan', type: 'image', extents: [1, height, width], mean: [100], standardDeviation: [50] }],
  normalise: 'global',
  contributors: ['a'],
}

test('model inputs have each row’s mask beside its image, in the rows’ order', () => {
  const masks = fc.uint8Array({ min: 0, max: 2, minLength: height * width, maxLength: height * width })
  fc.assert(
    fc.property(fc.array(masks, { minLength: 1, maxLength: 6 }), fc.nat(), (drawn, seed) => {
      const { table } = tableOf(drawn.map((mask) => mask.map((label) => [7, 90, 200][label] ?? 0)))
      const rows = Int32Array.from({ length: drawn.length }, (_, index) => (index + seed) % drawn.length)
      const inputs = transform(table, preparation, { rows, scales: scalesFor(preparation, table, rows) })
      assert.deepEqual(
        [...(inputs.masks ?? [])],
        [...rows].flatMap((row) => [...(drawn[row] ?? [])]),
      )
      assert.equal(inputs.features.length, inputs.masks?.length)
    }),
  )
})

test('a survey says how many patients have something marked, and an even share of them is tested', () => {
  const marked = Uint8Array.of(7, 90, 200, 7, 7, 90)
  const { table, findings } = tableOf(Array.from({ length: 40 }, (_, row) => (row % 4 === 0 ? marked : blank)))
  const split = splitPatients(table, study, 'a')
  assert.equal([...split.test].filter((row) => table.target[row] === 1).length, Math.round(0.25 * 10))
  const survey = surveyOf({ study, table, findings, split, minimumCohort: 2 })
  assert.deepEqual(survey.target, { unmarked: 30 - 8, marked: 10 - 3 })
  assert.deepEqual(Object.keys(survey.columns), ['scan'])
  assert.deepEqual(
    mergeSurveys({ a: survey }, study).preparation?.columns.map(({ name }) => name),
    ['scan'],
  )
})

test('a mask is brought to the size of its image, with background beside it', () => {
  const { target, columns } = study.data
  assert.ok('mask' in target)
  assert.deepEqual(maskForm(target, columns), { size: [height, width], fit: 'pad', channels: 1, background: 7 })
  assert.equal(maskForm(target, { age: { type: 'number', unit: 'a', range: [0, 1] } }), undefined)
})
