/** Every command in docs/models.md runs, on a model and a study that can be trained. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import { read, root } from './repository.ts'
import { scratch, smallStudy } from './support.ts'

const lines = [...read('docs/models.md').matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
  block.trim().split('\n'),
)

/** A dense layer from three values to one. */
const model = encodeModel({
  name: 'model',
  inputs: [{ name: 'x', type: 'float32', shape: ['batch', 3] }],
  outputs: [{ name: 'y', type: 'float32', shape: ['batch', 1] }],
  initializers: [{ name: 'head.weight', type: 'float32', shape: [3, 1], data: new Float32Array(3) }],
  nodes: [{ op: 'Gemm', domain: '', inputs: ['x', 'head.weight'], outputs: ['y'], attributes: {} }],
})

test('every command of docs/models.md runs', { timeout: 60_000 }, () => {
  const folder = scratch('models')
  writeFileSync(join(folder, 'model.onnx'), model)
  writeFileSync(join(folder, 'study.yaml'), smallStudy())
  assert.ok(lines.length >= 4)
  for (const line of lines) {
    const [program, ...args] = line.split(' ')
    assert.equal(program, './wardround', line)
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'tooling/run.mjs'), 'wardround', ...args],
      { cwd: folder, encoding: 'utf8' },
    )
    assert.equal(status, 0, `${line}\n${stdout}${stderr}`)
  }
  for (const made of ['model.svg', 'study.svg']) assert.ok(existsSync(join(folder, made)), made)
})
