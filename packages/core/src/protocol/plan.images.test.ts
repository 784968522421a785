import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '../errors.ts'
import { describePlan, describeReleases } from '../words/en/study.ts'
import { validatePlan } from './plan.ts'

const scan = { type: 'image', size: [8, 6] }
const plan = {
  wardround: 1,
  name: 'images',
  question: 'Is it?',
  data: { patient: 'who', target: { column: 'y', positive: '> 0' }, columns: { scan } },
  model: { layers: [{ conv2d: 2, kernel: 3 }, { flatten: {} }, { dense: 1 }] },
  training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 1 },
  strategy: { fedAvg: {} },
  rounds: { maximum: 3 },
}
const withColumns = (columns: object): object => ({ ...plan, data: { ...plan.data, columns } })
const withTraining = (change: object): object => ({ ...plan, training: { ...plan.training, ...change } })

const refused = (data: unknown, field: string, words: RegExp): void =>
  assert.throws(
    () => validatePlan(data),
    (error) => {
      assert.ok(error instanceof WardroundError && error.code === 'WR_STUDY_INVALID', String(error))
      assert.equal(error.parameters.field, field)
      assert.match(String(error.parameters.problem), words)
      return true
    },
  )

test('layers are given channels, height and width', () => {
  const { study } = validatePlan(plan)
  assert.deepEqual(study.data.columns.scan, { ...scan, channels: 1, fit: 'pad' })
  refused({ ...plan, model: { layers: [{ dense: 1 }] } }, 'model.layers', /gets \[1, 8, 6\]: put flatten/)
  refused({ ...plan, model: { layers: [{ conv2d: 2, kernel: 7 }] } }, 'model.layers', /7/)
})

test('an image stands alone, and has an end', () => {
  const age = { type: 'number', unit: 'a', range: [0, 120] }
  refused(withColumns({ scan, age }), 'data.columns.scan', /leave the other columns out/)
  refused(withColumns({ scan, other: scan }), 'data.columns.scan', /leave the other columns out/)
  refused(withColumns({ scan: { ...scan, size: [8, 4097] } }), 'data.columns.scan.size.1', /at most 4096/)
  refused(withColumns({ scan: { ...scan, size: [4096, 4096], channels: 3 } }), 'data.columns.scan', /smaller/)
  refused(withColumns({ scan: { ...scan, channels: 2 } }), 'data.columns.scan.channels', /./)
})

test('only images are changed by chance', () => {
  validatePlan(withTraining({ augment: { flip: 'both', rotation: 180 } }))
  refused(withTraining({ augment: { rotation: 181 } }), 'training.augment.rotation', /at most 180/)
  const table = { age: { type: 'number', unit: 'a', range: [0, 120] } }
  refused(
    { ...withTraining({ augment: {} }), data: { ...plan.data, columns: table }, model: { layers: [{ dense: 1 }] } },
    'training.augment',
    /only images/,
  )
})

test('a data owner reads what becomes of images, and what of them leaves', () => {
  const { study } = validatePlan(
    withTraining({ augment: { flip: 'horizontal', shift: 0.1, rotation: 5, brightness: 0.2 } }),
  )
  const text = describePlan(study).join('\n')
  assert.match(text, /scan: an image, grey, brought to 8 by 6 pixels/)
  assert.match(
    text,
    /images by chance turned over \(horizontal\), shifted by up to 10 %, turned by up to 5°, up to 20 % of white brighter or darker/,
  )
  assert.match(
    describeReleases(study, 10).leaves.join('\n'),
    /of scan on the training records: how many, and the mean and variance of all their pixels/,
  )
})
