import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Study, studySchema } from '../study/study.ts'
import { plannedInputs } from './encoding.ts'
import { mergeSurveys } from './merge.ts'
import { ownPreparation } from './own.ts'
import { preparedInputs } from './schema.ts'
import { type Split, splitPatients } from './split.ts'
import { surveyOf } from './survey.ts'
import { type RawImage, tableBuilder } from './table.ts'
import { scalesFor, transform } from './transform.ts'

const studyOf = (channels: 1 | 3, change: Record<string, unknown> = {}): Study =>
  studySchema.parse({
    wardround: 1,
    name: 'test',
    question: 'Is it?',
    data: {
      patient: 'who',
      target: { column: 'y', positive: '> 0' },
      columns: { scan: { type: 'image', size: [2, 3], channels } },
      split: { column: 'set' },
      minimumCohort: 2,
      ...change,
    },
    model: { layers: [{ dense: 1 }] },
    training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 1 },
    strategy: { fedAvg: {} },
    rounds: { maximum: 3 },
  })

const from = { width: 3, height: 2 }
type Shown = { readonly image: Uint8Array | RawImage; readonly set: 'training' | 'test' }

function recordsOf(study: Study, shown: readonly Shown[]) {
  const builder = tableBuilder(study, new Set(['who', 'y', 'set', 'scan']))
  for (const [row, { image, set }] of shown.entries())
    builder.add({
      values: { who: `p${row}`, y: String(row % 2), set },
      images: { scan: image instanceof Uint8Array ? { levels: image, from } : image },
    })
  const { table, findings } = builder.finish()
  const split = splitPatients(table, study, 'a')
  return { table, findings, split, survey: surveyOf({ study, table, findings, split, minimumCohort: 2 }) }
}

const channels = fc.constantFrom(1 as const, 3 as const)
const imagesOf = (count: 1 | 3) => {
  const image = fc.uint8Array({ minLength: 6 * count, maxLength: 6 * count })
  return fc.array(image, { minLength: 4, maxLength: 12 })
}

/** Over all pixels of a channel, straight from the definition. */
function levels(images: readonly Uint8Array[], channel: number): { mean: number; deviation: number } {
  const values = images.flatMap((image) => [...image.subarray(channel * 6, channel * 6 + 6)])
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return { mean, deviation: variance > 0 ? Math.sqrt(variance) : 1 }
}
const close = (a: number | undefined, b: number): void =>
  assert.ok(Math.abs((a ?? Number.NaN) - b) <= 1e-9 * (1 + Math.abs(b)), `${a} and ${b}`)

test('the federation’s mean and deviation are those of all hospitals’ training images together', () => {
  const given = channels.chain((count) =>
    fc.record({ count: fc.constant(count), north: imagesOf(count), south: imagesOf(count) }),
  )
  fc.assert(
    fc.property(given, ({ count, north, south }) => {
      const study = studyOf(count)
      const shown = (images: readonly Uint8Array[]): Shown[] =>
        images.map((image, row) => ({ image, set: row % 4 === 3 ? 'test' : 'training' }))
      const [a, b] = [recordsOf(study, shown(north)), recordsOf(study, shown(south))]
      const { preparation } = mergeSurveys({ a: a.survey, b: b.survey }, study)
      const [column] = preparation?.columns ?? []
      assert.ok(preparation !== undefined && column?.type === 'image')
      const training = [...north, ...south].filter(
        (_, row) => (row < north.length ? row : row - north.length) % 4 !== 3,
      )
      for (let channel = 0; channel < count; channel++) {
        const { mean, deviation } = levels(training, channel)
        close(column.mean[channel], mean)
        close(column.standardDeviation[channel], deviation)
      }
      assert.deepEqual(preparedInputs(preparation), [count, 2, 3])
      assert.deepEqual(plannedInputs(study.data.columns), [count, 2, 3])
    }),
  )
})

test('a hospital that normalises by itself has its own training images’ mean and deviation, and so does one that trains alone', () => {
  fc.assert(
    fc.property(imagesOf(1), (images) => {
      const study = studyOf(1, { normalise: 'per-site' })
      const half = images.map((image, row): Shown => ({ image, set: row < 2 ? 'test' : 'training' }))
      const { table, split } = recordsOf(study, half)
      const { mean, deviation } = levels(images.slice(2), 0)
      const preparation = ownPreparation(study, { table, split }, 'a')
      const [column] = preparation.columns
      assert.ok(column?.type === 'image')
      close(column.mean[0], mean)
      close(column.standardDeviation[0], deviation)
      const other = { ...preparation, columns: [{ ...column, mean: [1], standardDeviation: [2] }] }
      const own = scalesFor(other, table, split.training)
      close(own.image?.mean[0], mean)
      close(own.image?.standardDeviation[0], deviation)
      assert.deepEqual(scalesFor({ ...other, normalise: 'global' }, table, split.training).image?.mean, [1])
    }),
  )
})

test('images become model inputs as they are, with what scales them', () => {
  const study = studyOf(1)
  const images = [0, 1, 2].map((row) => Uint8Array.from({ length: 6 }, (_, pixel) => 40 * row + pixel))
  const { table, split } = recordsOf(
    study,
    images.map((image) => ({ image, set: 'training' })),
  )
  const preparation = ownPreparation(study, { table, split }, 'a')
  const rows = Int32Array.of(2, 0)
  const { features, width, extents, pixelScale } = transform(table, preparation, { rows, scales: { numbers: {} } })
  assert.deepEqual(features, Uint8Array.of(80, 81, 82, 83, 84, 85, 0, 1, 2, 3, 4, 5))
  assert.deepEqual({ width, extents }, { width: 6, extents: [1, 2, 3] })
  const { mean, deviation } = levels(images, 0)
  assert.deepEqual(pixelScale, { mean: Float32Array.of(mean), deviation: Float32Array.of(deviation) })
})

test('a record without an image that can be read is left out, and counted', () => {
  const image = Uint8Array.of(1, 2, 3, 4, 5, 6)
  const bad: readonly Shown['image'][] = ['imageMissing', 'imageUnreadable', 'imageUnreadable', 'imageMissing']
  const shown = [image, ...bad, image.map((level) => level + 9)].map((own): Shown => ({ image: own, set: 'training' }))
  const { table, findings } = recordsOf(studyOf(1), shown)
  assert.deepEqual(table.patients, ['p0', 'p5'])
  assert.deepEqual(findings.slice(0, 2), [
    { code: 'imageMissing', severity: 'warning', column: 'scan', records: 2 },
    { code: 'imageUnreadable', severity: 'warning', column: 'scan', records: 2 },
  ])
})

test('images that are the same are told, and those of which another part of the split has the same, too', () => {
  const [a, b, c, d] = [1, 2, 3, 4].map((level) => new Uint8Array(6).fill(level)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  const study = studyOf(1, { minimumCohort: 1 })
  const shown: Shown[] = [a, b, b, b, c, d].map((image, row) => ({ image, set: row < 4 ? 'training' : 'test' }))
  const codes = (records: readonly Shown[]) =>
    recordsOf(study, records)
      .survey.findings.filter(({ code }) => code.startsWith('image'))
      .map(({ code, count }) => [code, count])
  assert.deepEqual(codes(shown), [['imageRepeated', 2]])
  assert.deepEqual(codes([...shown, { image: b, set: 'test' }, { image: a, set: 'test' }]), [
    ['imageRepeated', 4],
    // b four times, a twice.
    ['imageInTwoParts', 6],
  ])
})

test('levels of fewer patients than the minimum are hidden', () => {
  const study = studyOf(1)
  const image = (level: number): Uint8Array => new Uint8Array(6).fill(level)
  const shown: Shown[] = [1, 2, 3].map((level, row) => ({ image: image(level), set: row === 0 ? 'training' : 'test' }))
  const { survey } = recordsOf(study, shown)
  assert.deepEqual(survey.columns.scan, { type: 'image', patients: null, records: null, channels: null })
  const none: Split = { training: new Int32Array(), validation: new Int32Array(), test: new Int32Array() }
  const { table } = recordsOf(study, shown)
  const [column] = ownPreparation(study, { table, split: none }, 'a').columns
  assert.deepEqual(column, { name: 'scan', type: 'image', extents: [1, 2, 3], mean: [0], standardDeviation: [255] })
})
