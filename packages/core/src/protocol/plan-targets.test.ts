/** Studies by their target, survival times above all: what goes with them, and what is refused. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { WardroundError } from '../errors.ts'
import { metricNames, stopMetrics } from '../study/metrics.ts'
import { parseStudy } from './plan.ts'

const example = readFileSync(new URL('../../../../examples/heart-disease/study.yaml', import.meta.url), 'utf8')
const target =
  'target: { time: { column: days, unit: d, range: [0, 10000] }, event: { column: died, positive: "= 1" } }'
const source = example
  .replace(/ {2}target: \{.*\}/, `  ${target}`)
  .replace('binaryCrossEntropy', 'coxPartialLikelihood')

function changed(from: string, to: string): string {
  assert.ok(source.includes(from), from)
  return source.replace(from, to)
}

function problemsOf(text: string): readonly string[] {
  try {
    parseStudy(text)
  } catch (error) {
    assert.ok(error instanceof WardroundError && error.code === 'WR_STUDY_INVALID', String(error))
    const { issues } = error.parameters
    return Array.isArray(issues) ? issues.map(String) : assert.fail('no issues')
  }
  return []
}

test('a study may ask how soon something happens', () => {
  const { study } = parseStudy(source)
  assert.deepEqual(study.data.target, {
    time: { column: 'days', unit: 'd', range: [0, 10_000] },
    event: { column: 'died', positive: '= 1' },
  })
  for (const batch of [2, 4096]) assert.deepEqual(problemsOf(changed('batch: 32', `batch: ${batch}`)), [])
})

const refused: readonly [from: string, to: string, problem: RegExp][] = [
  ['coxPartialLikelihood', 'binaryCrossEntropy', /training\.loss: this target goes with coxPartialLikelihood/],
  ['batch: 32', 'batch: 1', /training\.batch: .* from 2 to 4096/],
  ['batch: 32', 'batch: 4097', /training\.batch: .* from 2 to 4096/],
  ['batch: 32', 'batch: 32\n  classWeights: balanced', /training\.classWeights: .*no weights of examples/],
  ['batch: 32', 'batch: 32\n  microbatch: 8', /training\.microbatch: .*compares all examples/],
  ['fedProx: { mu: 0.1 }', 'qFedAvg: { q: 1, lipschitz: 1 }', /training\.loss: strategy\.qFedAvg weighs/],
  ['metric: loss', 'metric: auroc', /rounds\.stop\.metric: .* goes by loss, concordance, not by auroc/],
  ['metric: loss', 'metric: accuracy', /rounds\.stop\.metric: .* not by accuracy/],
  ['metric: loss', 'metric: dice', /rounds\.stop\.metric: .* not by dice/],
  ['column: died', 'column: days', /data\.target\.event\.column: days already says the time/],
  ['column: died', 'column: patient_id', /data\.target\.event\.column: patient_id cannot be an input/],
  ['column: days', 'column: patient_id', /data\.target\.time\.column: patient_id cannot be an input/],
  ['column: died', 'column: age', /data\.columns\.age: age cannot be an input/],
  ['column: days', 'column: age', /data\.columns\.age: age cannot be an input/],
  ['[0, 10000]', '[1, 1]', /data\.target\.time\.range: the first must be below/],
  [', event: { column: died, positive: "= 1" }', '', /data\.target\.event: this field is missing/],
  ['dense: 1, name', 'dense: 2, name', /model\.layers: .*one output, not 2/],
  ['dense: 1, name', 'dense: 1, activation: sigmoid, name', /model\.layers: .*not sigmoid/],
]
for (const [from, to, problem] of refused)
  test(`${from} → ${to} is refused, and nothing else is`, () => {
    const found = problemsOf(changed(from, to))
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', problem)
  })

test('a given split has a column of its own', () => {
  for (const column of ['days', 'died'])
    assert.match(
      problemsOf(source.replace(/ {2}split: \{.*\}/, `  split: { column: ${column} }`)).join('\n'),
      /data\.split\.column: .*a column of its own/,
    )
})

/** The example, of a number. */
const numbers = example
  .replace(/ {2}target: \{.*\}/, '  target: { column: days, unit: d, range: [0, 90] }')
  .replace('binaryCrossEntropy', 'meanSquaredError')

/** The example, of several classes. */
const classes = example
  .replace(/ {2}target: \{.*\}/, '  target: { column: num, classes: { "0": none, "1": some, "2": many } }')
  .replace('binaryCrossEntropy', 'categoricalCrossEntropy')
  .replace('dense: 1, name', 'dense: 3, name')

test('a stop rule goes by what can be measured on the target, and any other is refused once', () => {
  for (const [study, watchable] of [
    [example, ['loss', 'accuracy', 'auroc', 'brier']],
    [classes, ['loss', 'accuracy', 'brier']],
    [numbers, ['loss', 'meanAbsoluteError', 'rootMeanSquaredError']],
  ] as const) {
    assert.deepEqual(problemsOf(study), [])
    for (const metric of stopMetrics) {
      const found = problemsOf(study.replace('metric: loss', `metric: ${metric}`))
      const wanted = new Set<string>(watchable).has(metric) ? [] : [`goes by ${watchable.join(', ')}, not by ${metric}`]
      assert.equal(found.length, wanted.length, found.join('\n'))
      for (const [index, text] of wanted.entries()) assert.ok(found[index]?.includes(text), found.join('\n'))
    }
  }
})

/** The example's own list is the default, too. */
const asking = (study: string, list: string): string => study.replace(/^evaluate: .*$/m, `evaluate: ${list}`)

test('a study asks for figures of its outcome, and any other is refused by its place', () => {
  for (const [study, own] of [
    [example, ['accuracy', 'auroc', 'brier']],
    [classes, ['accuracy', 'brier']],
    [numbers, ['meanAbsoluteError', 'rootMeanSquaredError', 'r2', 'meanSquaredError']],
    [source, ['concordance']],
  ] as const)
    for (const metric of metricNames) {
      const found = problemsOf(asking(study, `[${own[0]}, ${metric}]`))
      const wanted = `evaluate.1: a model of this target is measured by ${own.join(', ')}, not by ${metric}`
      if (new Set<string>(own).has(metric)) assert.deepEqual(found, [])
      else assert.ok(found.length === 1 && found[0]?.endsWith(wanted), found.join('\n'))
    }
  assert.match(problemsOf(asking(example, '[sharpness]')).join('\n'), /evaluate\.0: this must be one of accuracy, /)
})

test('the default list stands for every figure of any outcome: plans from before it was acted on keep their hash', () => {
  for (const study of [example, classes, numbers, source]) {
    const [bare, written] = [study.replace(/^evaluate: .*\n/m, ''), asking(study, '[accuracy, auroc, brier]')]
    assert.deepEqual(parseStudy(bare).plan.evaluate, ['accuracy', 'auroc', 'brier'])
    assert.equal(parseStudy(bare).planHash, parseStudy(written).planHash)
  }
  // In another order, and for another outcome, it is a list like any other.
  assert.equal(problemsOf(asking(numbers, '[brier, auroc, accuracy]')).length, 3)
})

test('the range of a number is one', () => {
  const [problem, ...others] = problemsOf(numbers.replace('[0, 90]', '[90, 0]'))
  assert.match(problem ?? '', /data\.target\.range: the first must be below/)
  assert.deepEqual(others, [])
})

/** The example, of what each pixel of an image shows. */
const masks = numbers
  .replace(/ {2}target: \{.*\}/, '  target: { column: mask, mask: { 0: background, 255: tumour } }')
  .replace(/ {2}columns:\n(?: {4}.*\n)+/, '  columns:\n    scan: { type: image, size: [8, 6] }\n')
  .replace('meanSquaredError', 'dice')
  .replace(/- \{ dense: 1, name.*\}/, '- { conv2d: 1, kernel: 3, padding: same, name: output }')
  .replace(/ {2}personal: .*\n/, '')

test('a study may ask where in an image something is, by one output or by one a label', () => {
  assert.deepEqual(problemsOf(masks), [])
  const several = masks.replace('255: tumour', '1: edema, 2: tumour')
  for (const [text, outputs] of [
    [masks, 2],
    [several, 3],
  ] as const)
    assert.deepEqual(problemsOf(text.replace('conv2d: 1', `conv2d: ${outputs}`)), [])
  for (const loss of ['diceCrossEntropy', '{ dice: { squared: true } }', '{ diceCrossEntropy: { squared: true } }'])
    assert.deepEqual(problemsOf(masks.replace('loss: dice', `loss: ${loss}`)), [])
  assert.deepEqual(problemsOf(masks.replace('padding: same, name', 'padding: same, activation: sigmoid, name')), [])
})

const refusedMasks: readonly [from: string, to: string, problem: RegExp][] = [
  ['loss: dice', 'loss: binaryCrossEntropy', /training\.loss: this target goes with dice or diceCrossEntropy/],
  ['conv2d: 1', 'conv2d: 3', /model\.layers: the target has 2 labels, the last layer 3 outputs a pixel/],
  ['255: tumour', '1: edema, 2: tumour', /model\.layers: the target has 3 labels, the last layer one output a pixel/],
  [', 255: tumour', '', /data\.target\.mask: two levels or more/],
  ['255: tumour', '256: tumour', /data\.target\.mask: grey levels from 0 to 255/],
  ['255: tumour', 'x: tumour', /data\.target\.mask: grey levels from 0 to 255/],
  [
    'padding: same',
    'padding: valid',
    /model\.layers: with dice the last layer has one output a label.*\[labels, 8, 6\], not \[1, 6, 4\]/,
  ],
  [
    '- { conv2d: 1, kernel: 3, padding: same',
    '- { flatten: {} }\n    - { dense: 1',
    /model\.layers: .*\[labels, 8, 6\], not 1/,
  ],
  [
    'conv2d: 1, kernel: 3, padding: same',
    'conv2d: 2, kernel: 3, padding: same, activation: softmax',
    /activation is linear, not softmax/,
  ],
  [
    'scan: { type: image, size: [8, 6] }',
    'age: { type: number, unit: a, range: [0, 120] }',
    /data\.target\.mask: a mask is of an image/,
  ],
  ['batch: 32', 'batch: 32\n  classWeights: balanced', /training\.classWeights: records are weighed by their class/],
  ['column: mask', 'column: scan', /data\.columns\.scan: scan cannot be an input/],
  ['metric: loss', 'metric: accuracy', /rounds\.stop\.metric: .* goes by loss, dice, iou, not by accuracy/],
]
for (const [from, to, problem] of refusedMasks)
  test(`of masks ${from} → ${to} is refused, and nothing else is`, () => {
    assert.ok(masks.includes(from), from)
    const found = problemsOf(masks.replace(from, to))
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', problem)
  })

test('a mask’s loss goes with no other target', () => {
  for (const text of [example, numbers, classes]) {
    const [problem, ...others] = problemsOf(text.replace(/loss: [a-zA-Z]+\n/, 'loss: dice\n'))
    assert.match(problem ?? '', /training\.loss: this target goes with .*, not with dice/)
    assert.deepEqual(others, [])
  }
})
