/** A study of more than dense layers, from its document to its results. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { document, scratch, smallStudy, smallTable, wardround } from './support.ts'

const folder = scratch('layers')

const layers = [
  '{ reshape: [1, 3] }',
  '{ conv1d: 4, kernel: 2, padding: same, bias: false }',
  '{ batchNormalization: { momentum: 0.9 } }',
  '{ activation: relu }',
  '{ residual: [ { conv1d: 4, kernel: 3, padding: same, activation: gelu } ] }',
  '{ permute: [2, 1] }',
  '{ gru: 3, returnSequences: true }',
  '{ residual: [ { layerNormalization: {} }, { selfAttention: 1 } ] }',
  '{ flatten: {} }',
  '{ dense: 4, lora: { rank: 2, alpha: 4 } }',
  '{ dropout: 0.1 }',
  '{ dense: 1, name: output }',
]

const shown = z.looseObject({ weightsSha256: z.string(), outcome: z.literal('completed'), rounds: z.literal(3) })

test('hospitals train convolutions, normalised batches, recurrence and attention: twice the same bits', async () => {
  const study = join(folder, 'study.yaml')
  const dense = '{ dense: 4, activation: tanh }, { dense: 1, name: output }'
  const source = smallStudy()
    .replace(dense, layers.join(', '))
    .replace('fedAvg: {}', 'fedProx: { mu: 0.1 }')
    .replace('personal: [output.bias]', 'personal: [output.bias], frozen: [conv1d.*]')
  assert.ok(!source.includes(dense))
  writeFileSync(study, source)
  const sites = ['north', 'south'].flatMap((site) => {
    const file = join(folder, `${site}.csv`)
    writeFileSync(file, smallTable(site))
    return ['--site', `${site}=${file}`]
  })
  const run = async () => {
    const ran = await wardround(['simulate', study, ...sites, '--json'])
    assert.equal(ran.code, 0, ran.stdout + ran.stderr)
    return shown.parse(document(ran))
  }
  const [first, second] = [await run(), await run()]
  assert.equal(first.weightsSha256, second.weightsSha256)
})
