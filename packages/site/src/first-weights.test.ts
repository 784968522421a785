import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { decodeModel } from '@wardround/core/graph/decode-model.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import { plannedModel } from '@wardround/core/graph/import/planned.ts'
import { node, smallFile } from '@wardround/core/graph/testing/small-file.ts'
import { canonicalJson, sha256Hex } from '@wardround/core/protocol/canonical.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import { encodeWeights, parseHeader } from '@wardround/core/safetensors.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { offeredStudies } from './approvals.ts'
import { startingWeights } from './first-weights.ts'
import { runTask } from './task.ts'
import { hospital, testPlan } from './testing/hospital.ts'

const { graph, weights } = plannedModel(smallFile())
const bytes = encodeWeights(weights)
const onnx = { graph, weights: { sha256: sha256Hex(bytes), sizeBytes: bytes.length } }
const plan = { ...testPlan, model: { onnx, personal: ['out.bias'], frozen: ['hidden.*'] } }
const { study } = validatePlan(plan)

test('what a study with a file starts from is received once, kept, and received again where a disk has changed it', async (t) => {
  const at = await hospital({ plan })
  t.after(at.remove)
  at.coordinator.blob(bytes)
  let site = await at.open()
  const received = () => at.coordinator.state.heard.filter(({ path }) => path.includes(onnx.weights.sha256)).length
  const starting = () => startingWeights({ ...site }, at.study, { study, inputs: 1 })
  assert.deepEqual(await starting(), weights)
  // The next process has nothing in memory.
  await site.close()
  site = await at.open()
  assert.deepEqual(await starting(), weights)
  assert.equal(received(), 1)
  const file = join(at.folder, 'studies', at.study, 'first.safetensors')
  const kept = readFileSync(file)
  assert.deepEqual(new Uint8Array(kept), bytes)
  writeFileSync(file, kept.fill(7, kept.length - 1))
  assert.deepEqual(await starting(), weights)
  assert.deepEqual(new Uint8Array(readFileSync(file)), bytes)
  await site.close()
})

test('a site trains what is personal or frozen from where the file has it, and sends neither', async (t) => {
  const at = await hospital({ plan })
  t.after(at.remove)
  at.coordinator.blob(bytes)
  await at.say('approved')
  const asked: Weights[] = []
  const { train } = at.trainer
  at.trainer.train = (request, options) => {
    asked.push(request.weights.map((tensor) => ({ ...tensor, data: tensor.data.slice() })))
    return train(request, options)
  }
  const task = at.tasks.train()
  await at.coordinator.give(task)
  const site = await at.open()
  const { task: signed } = await site.client.call('nextTask', { query: { wait: 0 } })
  assert.ok(signed)
  await runTask(site, signed)
  // What is shared is as the task has it: ¼ each.
  assert.deepEqual(asked, [
    weights.map((tensor) => (tensor.name === 'out.weight' ? { ...tensor, data: Float32Array.of(0.25, 0.25) } : tensor)),
  ])
  const update = at.coordinator.state.staged.get(task.id) ?? new Uint8Array()
  const { tensors } = parseHeader(update, update.length)
  assert.deepEqual(
    tensors.map(({ name }) => name),
    ['out.weight'],
  )
  await site.close()
})

test('a plan with a graph that is not to be executed cannot even be approved', async (t) => {
  const good = decodeModel(Uint8Array.fromBase64(graph)).graph
  const evil = {
    ...good,
    nodes: [...good.nodes.slice(0, 1), { ...node('Evil', ['h'], 't'), domain: 'own' }, ...good.nodes.slice(2)],
  }
  const hostile = {
    ...validatePlan(plan).plan,
    model: { ...plan.model, onnx: { ...onnx, graph: encodeModel(evil, {}, 20).toBase64() } },
  }
  const at = await hospital()
  t.after(at.remove)
  await at.coordinator.offer({ study: 'small-12345678', planHash: sha256Hex(canonicalJson(hostile)), plan: hostile })
  const site = await at.open()
  await assert.rejects(
    offeredStudies(site),
    (error) =>
      error instanceof WardroundError &&
      error.code === 'WR_STUDY_INVALID' &&
      /own.Evil/.test(String(error.parameters.problem)),
  )
  await site.close()
})
