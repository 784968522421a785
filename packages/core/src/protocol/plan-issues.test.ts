import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { WardroundError } from '../errors.ts'
import { layersIn } from '../study/model-forms.ts'
import { parseStudy, validatePlan } from './plan.ts'

const source = readFileSync(new URL('../../../../examples/heart-disease/study.yaml', import.meta.url), 'utf8')

test('layers may stand inside layers, but not without end', () => {
  const nested = (depth: number): unknown =>
    Array.from({ length: depth }).reduce<unknown>((inner) => ({ residual: [inner] }), { dropout: 0.5 })
  const plan = (depth: number): unknown => ({
    ...parseStudy(source).plan,
    model: { layers: [nested(depth), { dense: 1, name: 'output' }], personal: ['output.bias'] },
  })
  assert.equal(layersIn(validatePlan(plan(8)).study.model).length, 2)
  for (const depth of [30, 3000])
    assert.throws(
      () => validatePlan(plan(depth)),
      (error) => error instanceof WardroundError && /deep/.test(String(error.parameters.problem)),
    )
})

test('what is frozen is no running statistic: strategies correct the rest, and a batch may be of one', () => {
  const { plan } = parseStudy(source)
  const training = { ...Object(plan.training), optimizer: { sgd: { rate: 0.1 } }, batch: 1 }
  const dense = { dense: 4, name: 'first' }
  const model = (...layers: readonly object[]) => ({ layers: [...layers, { dense: 1, name: 'output' }], personal: [] })
  const study = { ...plan, training, strategy: { scaffold: {} } }
  validatePlan({ ...study, model: { ...model(dense), frozen: ['first.*'] } })
  assert.throws(
    () => validatePlan({ ...study, model: model(dense, { batchNormalization: {} }) }),
    (error) => error instanceof WardroundError && /scaffold/.test(JSON.stringify(error.parameters.issues)),
  )
})
