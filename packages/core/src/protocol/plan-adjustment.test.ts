import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { WardroundError } from '../errors.ts'
import { parseStudy, validatePlan } from './plan.ts'

const source = readFileSync(new URL('../../../../examples/heart-disease/study.yaml', import.meta.url), 'utf8')

test('logits are adjusted of cross-entropy over classes alone; of its fields there is at least one', () => {
  const three = { column: 'stage', classes: { 1: 'local', 2: 'regional', 3: 'distant' } }
  const { plan } = parseStudy(source)
  const withLoss = (loss: unknown, strategy: object = { fedAvg: {} }) => {
    const [data, training] = [
      { ...Object(plan.data), target: three },
      { ...Object(plan.training), loss },
    ]
    return () => validatePlan({ ...plan, data, training, strategy, model: { layers: [{ dense: 3 }] } }).study
  }
  const fields = { logitAdjustment: 0.5, labelSmoothing: 0.1 }
  for (const given of [{ logitAdjustment: 1 }, { labelSmoothing: 0.1 }, fields])
    assert.deepEqual(withLoss({ categoricalCrossEntropy: given })().training.loss, { categoricalCrossEntropy: given })
  const fieldOf = (make: () => unknown): unknown => {
    try {
      make()
    } catch (error) {
      return error instanceof WardroundError ? error.parameters.field : error
    }
    return assert.fail('this is a study')
  }
  const refused = [0, -1, 11].map((logitAdjustment) => ({ categoricalCrossEntropy: { logitAdjustment } }))
  for (const loss of [
    ...refused,
    { categoricalCrossEntropy: {} },
    { categoricalFocalCrossEntropy: { logitAdjustment: 1 } },
    { binaryFocalCrossEntropy: { logitAdjustment: 1 } },
  ])
    assert.match(String(fieldOf(withLoss(loss))), /^training\.loss/, JSON.stringify(loss))
  // What is minimised is not what is measured.
  const qFedAvg = { qFedAvg: { q: 1, lipschitz: 10 } }
  withLoss('categoricalCrossEntropy', qFedAvg)()
  assert.equal(fieldOf(withLoss({ categoricalCrossEntropy: { logitAdjustment: 1 } }, qFedAvg)), 'training.loss')
})
