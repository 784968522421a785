import assert from 'node:assert/strict'
import { test } from 'node:test'
import { surveySchema } from '../../preparation/schema.ts'
import { taskResultSchema } from '../../protocol/task.ts'
import { type Study, studySchema } from '../../study/study.ts'
import { describePlan, describeReleases } from './study.ts'

const base = {
  wardround: 1,
  name: 'stroke',
  question: 'Will this patient be readmitted?',
  data: {
    patient: 'who',
    target: { column: 'back', positive: '> 0' },
    columns: {
      age: { type: 'number', unit: 'a', range: [18, 110] },
      score: { type: 'number', unit: '1', range: [0, 42] },
      ward: { type: 'category', values: { N: 'neurology', S: 'stroke unit' } },
    },
    minimumCohort: 7,
  },
  model: { layers: [{ dense: 8, activation: 'relu' }, { dropout: 0.25 }, { dense: 1, name: 'output' }] },
  training: {
    loss: 'binaryCrossEntropy',
    optimizer: { sgd: { rate: 0.05, momentum: 0.9 } },
    batch: 32,
    epochs: 5,
  },
  strategy: { fedAdam: { rate: 0.01 } },
  rounds: { maximum: 60, stop: { metric: 'auroc', patience: 4, minimumChange: 0.001 }, quorum: 3, deadline: '2h' },
} as const
type Change = Partial<Record<keyof typeof base, unknown>>
const studyOf = (change: Change = {}): Study => studySchema.parse({ ...base, ...change })
const planOf = (change: Change = {}): string => describePlan(studyOf(change)).join('\n')
const { data } = base

test('the plan in plain words holds what a data owner decides on', () => {
  const text = planOf()
  for (const part of [
    'Will this patient be readmitted?',
    'whose it is (who)',
    'back (counted as positive when > 0)',
    '3 columns',
    'age: a number in a, between 18 and 110',
    'score: a number, between 0 and 42',
    'ward: one of neurology, stroke unit',
    '34 % are kept apart',
    'fewer than 7 patients',
    '3 layers (8 units, relu; dropout of 25 %; 1 unit, linear)',
    'at most 60 rounds',
    '5 times through its own training records',
    'rate 0.05, momentum 0.9',
    'fedAdam',
    'AUROC on the training records has not improved by more than 0.001 for 4 rounds',
    'needs 3 hospitals; it waits for the others for at most 2h',
  ])
    assert.ok(text.includes(part), `${part}\nis not in\n${text}`)
})

test('every field that changes what happens to the data changes the words', () => {
  const changes: readonly Change[] = [
    { data: { ...data, split: { validation: 0.1 } } },
    { data: { ...data, split: { test: 0.2 } } },
    { data: { ...data, split: { column: 'part' } } },
    { data: { ...data, split: { column: 'part', validation: true } } },
    { data: { ...data, target: { column: 'back', classes: { a: 'home', b: 'ward' } } } },
    { data: { ...data, target: { column: 'back', unit: 'd', range: [0, 9] } } },
    { data: { ...data, minimumCohort: 20 } },
    { model: { layers: [{ dense: 1 }] } },
    { model: { ...base.model, personal: ['output.bias'] } },
    { model: { ...base.model, start: { 'output.bias': [1] } } },
    { training: { ...base.training, epochs: 1 } },
    { training: { ...base.training, epochs: undefined, steps: 5 } },
    { training: { ...base.training, epochs: undefined, steps: 6 } },
    { training: { ...base.training, optimizer: { adam: { rate: 0.1 } } } },
    ...[
      { sgd: { rate: 0.05, momentum: 0.9, nesterov: true } },
      { sgd: { rate: 0.05, momentum: 0.9, weightDecay: 0.1 } },
      { adamW: { rate: 0.1 } },
      { adamW: { rate: 0.1, weightDecay: 0 } },
      { rmsProp: { rate: 0.1 } },
      { rmsProp: { rate: 0.1, momentum: 0.9 } },
      { rmsProp: { rate: 0.1, centered: true } },
      { adagrad: { rate: 0.1 } },
      { lamb: { rate: 0.1 } },
    ].map((optimizer) => ({ training: { ...base.training, optimizer } })),
    ...[
      { constant: { warmUp: 1 } },
      { step: { every: 10, factor: 0.5 } },
      { step: { every: 1, factor: 0.5 } },
      { exponential: { factor: 0.5 } },
      { exponential: { factor: 0.5, over: 'steps' } },
      { cosine: { length: 50 } },
      { cosine: { length: 50, final: 0.1, warmUp: 5 } },
    ].map((schedule) => ({ training: { ...base.training, schedule } })),
    ...[
      { binaryFocalCrossEntropy: {} },
      { binaryFocalCrossEntropy: { alpha: 0.5 } },
      { categoricalCrossEntropy: { labelSmoothing: 0.1 } },
      { categoricalCrossEntropy: { logitAdjustment: 1 } },
      { categoricalCrossEntropy: { logitAdjustment: 0.5 } },
      'meanSquaredError',
      'meanAbsoluteError',
      { huber: {} },
      { huber: { delta: 2 } },
    ].map((loss) => ({ training: { ...base.training, loss } })),
    { training: { ...base.training, clipGradients: { norm: 1 } } },
    { training: { ...base.training, clipGradients: { value: 1 } } },
    { strategy: { fedAvg: {} } },
    { strategy: { cyclic: {} } },
    { strategy: { cyclic: { order: 'shuffled' } } },
    { rounds: { maximum: 60 } },
    { rounds: { ...base.rounds, quorum: undefined } },
  ]
  const texts = [planOf(), ...changes.map(planOf)]
  assert.equal(new Set(texts).size, texts.length)
  for (const text of texts) assert.doesNotMatch(text, /undefined|NaN|\[object/)
})

const releases = (change: Change = {}, minimum = 10): { leaves: string; never: string } => {
  const { leaves, never } = describeReleases(studyOf(change), minimum)
  return { leaves: leaves.join('\n'), never: never.join('\n') }
}

test('what leaves is told by column, and with the larger of the minimum cohorts that the caller gives', () => {
  const { leaves } = releases({}, 25)
  assert.match(
    leaves,
    /of age, score on the training records: count, mean, variance and a coarse histogram \(at least 25/,
  )
  assert.match(leaves, /of ward on the training records: how often each code occurs/)
  assert.match(leaves, /fewer than 25 patients/)
  assert.match(leaves, /at most 60/)
})

test('every field that a site sends is told of: a new field in the protocol must find its words here', () => {
  const told: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
    prepare: { survey: /Once, before training/ },
    train: {
      update: /changes of the shared weights/,
      numExamples: /numbers of training records/,
      numSteps: /and of steps/,
      measurements: /their size.*training loss/,
    },
    evaluate: {
      on: /on the training records/,
      figure: /Each round: \w+ on the training records, as one number.*numbers of records and patients/,
    },
    finish: {
      nTrain: /numbers of training and test patients/,
      nTest: /numbers of training and test patients/,
      local: /one trained here alone/,
      federated: /for the federated model/,
      difference: /their difference/,
      localRounds: /how many rounds training alone took/,
    },
    failed: { code: /an error code/, parameters: /names of columns/, refused: /an error code/ },
  }
  const { leaves } = releases()
  for (const { shape } of taskResultSchema.options) {
    const kind = shape.kind.value
    const sent = Object.keys(shape).filter((field) => field !== 'kind')
    assert.deepEqual(Object.keys(told[kind] ?? {}).toSorted(), sent.toSorted(), kind)
    for (const [field, words] of Object.entries(told[kind] ?? {})) assert.match(leaves, words, `${kind}.${field}`)
  }
  const survey: Readonly<Record<string, RegExp>> = {
    findings: /faults found in the data, by column and count/,
    patients: /number of patients and records in each part/,
    records: /number of patients and records in each part/,
    columns: /Once, of age/,
    target: /how many training patients have each outcome/,
  }
  assert.deepEqual(Object.keys(survey).toSorted(), Object.keys(surveySchema.shape).toSorted())
  for (const words of Object.values(survey)) assert.match(leaves, words)
})

test('the statistic is told as it is: also that a figure in it may be about one patient', () => {
  assert.match(releases().leaves, /200 bins.*a bin may hold one patient/)
  const classes = { column: 'back', classes: { a: 'home', b: 'ward' } }
  assert.match(releases({ data: { ...data, target: classes } }).leaves, /how often each class was taken for each/)
  assert.match(
    releases({ data: { ...data, target: { column: 'back', unit: 'd', range: [0, 9] } } }).leaves,
    /sums of the errors/,
  )
})

test('what never leaves: records and identifiers, and what the plan keeps at the hospital', () => {
  assert.match(releases().never, /Any record.*\nPatient identifiers/)
  assert.doesNotMatch(releases().never, /output\.bias|scales/)
  const { leaves, never } = releases({
    model: { ...base.model, personal: ['output.bias'] },
    data: { ...data, normalise: 'per-site' },
  })
  assert.match(never, /output\.bias\.\nThe scales/)
  assert.match(leaves, /shared weights \(not output\.bias\)/)
})

test('a study without numbers, or without categories, does not speak of them', () => {
  const { age, ward } = data.columns
  assert.doesNotMatch(releases({ data: { ...data, columns: { ward } } }).leaves, /coarse histogram/)
  assert.doesNotMatch(releases({ data: { ...data, columns: { age } } }).leaves, /how often each code/)
})

test('of times until an event it is told what is read, and that their order leaves', () => {
  const target = { time: { column: 'days', unit: 'd', range: [0, 999] }, event: { column: 'died', positive: '= 1' } }
  const change = { data: { ...data, target }, training: { ...base.training, loss: 'coxPartialLikelihood' } }
  assert.match(planOf(change), /how long until died \(.* when = 1; .*\), by days \(a number in d\)/)
  const { leaves } = releases(change)
  assert.match(leaves, /the concordance with its interval/)
  assert.match(leaves, /how many pairs of patients were put in the right order, and the partial likelihood/)
})

test('of masks it is told what they show, and that of images sums of overlaps leave', () => {
  const target = { column: 'mask', mask: { 0: 'ground', 255: 'lesion' } }
  const change = {
    data: { ...data, target, columns: { scan: { type: 'image', size: [8, 8] } } },
    training: { ...base.training, loss: 'dice' },
  }
  assert.match(planOf(change), /mask \(an image that says of each pixel what it shows: ground, lesion\)/)
  const { leaves } = releases(change)
  assert.match(leaves, /Dice and intersection over union with intervals on the test patients/)
  assert.match(leaves, /of each label in how many images it is there or marked/)
  assert.match(leaves, /how many training patients have anything marked/)
})
