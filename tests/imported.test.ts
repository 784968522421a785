/** A study whose model is an ONNX file that PyTorch exported, from its document to a model that others can run. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { decodeModel, type Model } from '@wardround/core/graph/decode-model.ts'
import { checkImport } from '@wardround/core/graph/inspect/check-import.ts'
import type { Tensor } from '@wardround/core/graph/ir.ts'
import type { Preparation } from '@wardround/core/preparation/schema.ts'
import { parseStudy, type WrittenStudy } from '@wardround/core/protocol/plan.ts'
import type { Client } from '@wardround/site/client.ts'
import { openModel } from '@wardround/site/training/open-model.ts'
import * as ort from 'onnxruntime-node'
import { z } from 'zod'
import { publishStudy } from '../packages/cli/src/federation.ts'
import { approves, localAccount, openFederation } from './federation.ts'
import { document, scratch, smallStudy, smallTable, wardround } from './support.ts'

const folder = scratch('imported')
const exported = new URL('./imported/model.onnx', import.meta.url)
const layers = 'layers: [ { dense: 4, activation: tanh }, { dense: 1, name: output } ], personal: [output.bias]'

/** Running statistics and the last bias stay at each hospital, and the convolution as it came. */
const source = smallStudy()
  .replace(layers, 'onnx: model.onnx, personal: [norm.running_mean, norm.running_var, out.bias], frozen: [conv.*]')
  .replace('fedAvg: {}', 'fedProx: { mu: 0.1 }')
assert.ok(source.includes('onnx: model.onnx') && source.includes('fedProx'))
/** And the last kernel as it came, with an adapter. */
const written = (): WrittenStudy =>
  parseStudy(
    source.replace('onnx: model.onnx', 'onnx: model.onnx, lora: { rank: 1, alpha: 2, weights: [out.weight] }'),
    'study.yaml',
    () => readFileSync(exported),
  )

const shown = z.looseObject({ weightsSha256: z.string(), outcome: z.literal('completed'), rounds: z.literal(3) })
const coded = (code: string) => (error: unknown) => error instanceof WardroundError && error.code === code

test('hospitals train an exported model: twice the same bits', async () => {
  const study = join(folder, 'study.yaml')
  writeFileSync(study, source)
  copyFileSync(exported, join(folder, 'model.onnx'))
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
  for (const command of ['study', 'model']) {
    const checked = await wardround([command, 'check', study])
    assert.equal(checked.code, 0, checked.stderr)
    assert.match(
      checked.stdout,
      /BatchNormalization.*(?:\n.*)*33 that are learnt, 8 running statistics, 12 that are frozen/,
    )
  }
  const { stdout } = await wardround(['model', 'show', study])
  assert.match(stdout, /^conv .*Conv.*4 × 3/m)
})

test('over the wire: handed in with its plan, trained, pulled as a file that predicts, taken over by another coordinator', async (t) => {
  const tables = { north: smallTable('north'), south: smallTable('south') }
  const federation = await openFederation(join(folder, 'wire'), tables)
  t.after(federation.close)
  const { client } = federation
  const parsed = written()
  const { firstWeights = assert.fail('no weights') } = parsed
  const { id } = await client.call('publish', { body: { plan: parsed.plan } })
  for (const { options } of federation.sites) await approves(options, id)
  await assert.rejects(federation.finish(id), coded('WR_STUDY_WEIGHTS'))

  const otherWeights = Uint8Array.from(firstWeights, (byte, at) => (at === firstWeights.length - 1 ? byte ^ 1 : byte))
  await assert.rejects(publishStudy(client, { ...parsed, firstWeights: otherWeights }), coded('WR_DIGEST_MISMATCH'))
  await assert.rejects(
    publishStudy(client, { ...parsed, firstWeights: firstWeights.slice(4) }),
    coded('WR_BODY_INVALID'),
  )
  await assert.rejects(federation.finish(id), coded('WR_STUDY_WEIGHTS'))

  for (const _ of ['once', 'and again']) assert.equal((await publishStudy(client, parsed)).id, id)
  federation.runSites()
  const results = await federation.finish(id)
  assert.equal(results.outcome, 'completed')

  const [whole, network] = [await pulled(client, id, 'onnx'), await pulled(client, id, 'network')]
  const { model, obstacles } = checkImport(network)
  assert.deepEqual([obstacles, model?.network.activation, model?.network.input], [[], 'sigmoid', [3]])
  const before = tensorsOf(decodeModel(readFileSync(exported)))
  const after = tensorsOf(decodeModel(network))
  for (const [name, values] of before)
    if (/^conv\.|running|^out\./.test(name)) assert.deepEqual(after.get(name), values, name)
    else if (name.includes('.')) assert.notDeepEqual(after.get(name), values, name)
  assert.ok(after.get('loraB.out.weight')?.some((value) => value !== 0))
  const { preparation = assert.fail('no preparation') } = { preparation: results.preparation ?? undefined }
  await assertAlike(await predictedByAge(whole), await predictedFrom(network, preparation))

  const file = Buffer.concat(
    await Array.fromAsync((await client.download('exportStudy', { params: { study: id } })).body),
  )
  const other = await localAccount(join(folder, 'other'))
  t.after(other.close)
  const sha256 = createHash('sha256').update(file).digest('hex')
  const asked = { params: { sha256 }, query: { offset: 0, sizeBytes: file.length } }
  await other.client.call('importStudy', asked, { bytes: file })
  assert.deepEqual(await pulled(other.client, id, 'network'), network)
})

async function pulled(client: Client, study: string, format: 'onnx' | 'network'): Promise<Buffer> {
  const { body } = await client.download('model', { params: { study }, query: { format } })
  return Buffer.concat(await Array.fromAsync(body))
}

const tensorsOf = ({ graph }: Model): ReadonlyMap<string, Tensor['data']> =>
  new Map(graph.initializers.map(({ name, data }) => [name, data]))

const ages = [20, 45, 70, 95]

async function predictedByAge(whole: Uint8Array): Promise<readonly number[]> {
  const predict = await openModel(whole)
  const sex = ages.map(() => 'm')
  return (await predict({ age: Float32Array.from(ages), lactate: Float32Array.from(ages, () => 2), sex })).flat()
}

/** By ONNX Runtime as it is, from values that are scaled here. */
async function predictedFrom(network: Uint8Array, { columns }: Preparation): Promise<readonly number[]> {
  const scaled = (name: string, value: number): number => {
    const column = columns.find((each) => each.name === name)
    return column?.type === 'number' ? (value - column.mean) / column.standardDeviation : 1
  }
  const rows = ages.flatMap((age) => [scaled('age', age), scaled('lactate', 2), scaled('sex', 1)])
  const session = await ort.InferenceSession.create(network)
  const feeds = { [session.inputNames[0] ?? '']: new ort.Tensor('float32', Float32Array.from(rows), [ages.length, 3]) }
  return Array.from((await session.run(feeds)).prediction?.data as Float32Array)
}

function assertAlike(actual: readonly number[], wanted: readonly number[]): void {
  assert.equal(actual.length, ages.length)
  assert.ok(new Set(actual).size > 1)
  for (const [index, value] of actual.entries()) assert.ok(Math.abs(value - (wanted[index] ?? 0)) < 1e-6)
}
