/** docs/study.md names every field of the schema, no other, with its default; and every example in it is valid. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse, stringify } from 'yaml'
import { nearestField, studyFields } from '../study/fields.ts'
import { studySchema } from '../study/study.ts'
import { parseStudy } from './plan.ts'

const document = readFileSync(new URL('../../../../docs/study.md', import.meta.url), 'utf8')
const rows = document
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter((cells) => cells.length === 6 && /^`.+`$/.test(cells[1] ?? ''))
  .map(([, field = '', , standard = '']) => ({ field: field.replaceAll('`', ''), standard }))
const examples = [...document.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text)
const whole = examples.find((text) => text.startsWith('wardround:')) ?? ''
const record = (text: string): Record<string, unknown> => Object(parse(text, { stringKeys: true }))

test('docs/study.md has a row for every field of a study, and for nothing else', () => {
  const written = (path: readonly string[]): string => path.join('.').replaceAll('*', 'NAME').replaceAll('.[]', '[]')
  assert.deepEqual(rows.map(({ field }) => field).toSorted(), studyFields().map(written).toSorted())
})

test('every example is valid: a fragment takes its other sections from the whole study', () => {
  assert.ok(examples.length >= 6 && whole !== '')
  for (const text of examples)
    assert.doesNotThrow(() => parseStudy(stringify({ ...record(whole), ...record(text) })), text)
  assert.doesNotThrow(() => parseStudy(whole))
})

/** The whole study with another target, and a loss for it. */
const { data, training } = record(whole)
const classes = (loss: object) => ({
  data: { ...Object(data), target: { column: 'stage', classes: { 1: 'early', 2: 'late' } } },
  model: { layers: [{ dense: 2 }] },
  training: { ...Object(training), loss },
})
const amount = (loss: object) => ({
  data: { ...Object(data), target: { column: 'stay', unit: 'd', range: [0, 365] } },
  training: { ...Object(training), loss },
})

test('the defaults that the document names are those of the schema', () => {
  const strategy = {
    fedAvg: {},
    fedAvgM: {},
    fedProx: { mu: 1 },
    fedAdagrad: { rate: 1 },
    fedAdam: { rate: 1 },
    fedYogi: { rate: 1 },
    cyclic: {},
    median: {},
    trimmedMean: {},
    fedBuff: { buffer: 1 },
    fedNova: {},
    qFedAvg: { q: 1, lipschitz: 1 },
    scaffold: {},
    fedDyn: { alpha: 1 },
    krum: {},
    multiKrum: {},
    geometricMedian: {},
    normBound: {},
    centredClipping: {},
  }
  const plans = [
    ...Object.entries(strategy).map(([name, options]) => ({ strategy: { [name]: options } })),
    ...[
      ...['adam', 'adamW', 'rmsProp', 'adagrad', 'lamb'].map((name) => ({ optimizer: { [name]: { rate: 1 } } })),
      ...Object.entries({
        constant: {},
        step: { every: 1, factor: 1 },
        exponential: { factor: 1 },
        cosine: { length: 1 },
      }).map(([name, options]) => ({ schedule: { [name]: options } })),
      { loss: { binaryFocalCrossEntropy: {} } },
    ].map((change) => ({ training: { ...Object(record(whole).training), ...change } })),
    classes({ categoricalFocalCrossEntropy: {} }),
    amount({ huber: {} }),
    { rounds: { maximum: 3, stop: { patience: 1 }, late: {} } },
  ].map((change): unknown => parseStudy(stringify({ ...record(whole), ...change })).plan)
  // A row of a table is nothing that has windows: of its layers the schema is asked alone.
  const layered = [
    { conv2d: 1, kernel: 1 },
    { upsample: 2 },
    { batchNormalization: {} },
    { groupNormalization: { groups: 1 } },
    { instanceNormalization: {} },
    { layerNormalization: {} },
    { rmsNormalization: {} },
    { gru: 1 },
  ].map((layer): unknown => studySchema.parse({ ...record(whole), model: { layers: [layer] } }))
  const training = { ...Object(record(whole).training), augment: {} }
  const augmented: unknown = studySchema.parse({ ...record(whole), training })
  const checked = rows.filter(
    ({ field, standard }) => standard.startsWith('`') && !standard.includes('…') && !/NAME/.test(field),
  )
  assert.ok(checked.length > 20)
  for (const { field, standard } of checked) {
    const expected: unknown = parse(standard.replaceAll('`', ''))
    const path = field.replaceAll('[]', '.0').split('.')
    const found = [...plans, ...layered, augmented]
      .map((plan) => path.reduce<unknown>((value, key) => Object(value)[key], plan))
      .find((value) => value !== undefined)
    assert.deepEqual(found, expected, field)
  }
})

test('the nearest field is looked for at the same place only', () => {
  assert.equal(nearestField(['training', 'Epochs']), 'epochs')
  assert.equal(nearestField(['data', 'columns', 'age', 'unt']), 'unit')
  assert.equal(nearestField(['model', 'layers', 3, 'activaton']), 'activation')
  // `rounds` is a field, but of the study itself.
  assert.equal(nearestField(['training', 'round']), undefined)
  assert.equal(nearestField(['training', 'colour']), undefined)
})
