/** Model files made to harm: each is answered, and those that would become large are not, alone in a process. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { modelFiles } from './boundaries/model-files.ts'
import type { Boundary, Outcome } from './boundary.ts'
import { hostileModels } from './hostile-models.ts'
import { weighed } from './weigh.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-hostile-'))
after(() => rmSync(folder, { recursive: true }))
const { signal } = new AbortController()

const [onnx, model] = modelFiles
assert.ok(onnx !== undefined && model !== undefined)

async function outcomeOf(boundary: Boundary, name: keyof typeof hostileModels): Promise<Outcome> {
  const session = await boundary.open()
  try {
    return await session.take(hostileModels[name]?.() ?? assert.fail(name))
  } catch (error) {
    if (error instanceof WardroundError) return error.code
    throw error
  }
}

/** Large, and sound: of operators that a model may have, fewer than are allowed. What they need when they run is the trainer's limit. */
const sound = [
  'Ifs in one another',
  'thousands of operators in a row',
  'a value that is used thousands of times',
  'a sum of a hundred thousand',
  'wide sums in a row',
  'a bundle of a hundred thousand',
  'constants that are worked out for long',
  'recurrent layers over thousands of steps',
]

test('each is refused with a code, or sound', async () => {
  for (const name of Object.keys(hostileModels)) {
    const outcome = await outcomeOf(model, name)
    if (sound.includes(name)) assert.equal(outcome, 'accepted', name)
    else assert.match(outcome, /^WR_GRAPH_(?:INVALID|REFUSED)$/, name)
  }
})

test('alone in a process none of the largest needs more than 200 MB', async () => {
  const largest = ['a million nodes', 'a million tensors of nothing']
  const inputs = largest.map((name) => hostileModels[name]?.() ?? assert.fail(name))
  const found = await weighed(
    { ...model, alone: { megabytes: 200, ms: Number.POSITIVE_INFINITY, hostile: () => [] } },
    { inputs, folder, signal },
  )
  assert.deepEqual(found?.findings, [])
  // They are large: what is measured is there.
  assert.ok(found.inputs === largest.length && found.megabytes > 30, String(found.megabytes))
})

test('an input that needs more, takes longer, or is answered otherwise than promised is found', async () => {
  const inputs = [hostileModels['a million nodes']?.() ?? assert.fail()]
  const limits = { megabytes: 20, ms: Number.POSITIVE_INFINITY, hostile: () => [] }
  const whyOf = async (changed: Boundary): Promise<(readonly [string, number])[]> =>
    ((await weighed(changed, { inputs, folder, signal }))?.findings ?? assert.fail()).map(({ why, input }) => [
      why,
      inputs.indexOf(input),
    ])
  const [large, ...others] = await whyOf({ ...onnx, alone: limits })
  assert.match(large?.[0] ?? '', /^alone in a process it takes \d+ MB/)
  assert.deepEqual([large?.[1], others], [0, []])
  const late = await whyOf({ ...onnx, alone: { ...limits, megabytes: 1000, ms: 0 } })
  assert.match(late[0]?.[0] ?? '', /^alone in a process it takes \d+ MB/)
  const unpromised = await whyOf({ ...onnx, alone: { ...limits, megabytes: 1000 }, codes: [] })
  assert.match(unpromised[0]?.[0] ?? '', /^WR_GRAPH_REFUSED, which this boundary does not promise$/)
})

test('what ends its process is found', async () => {
  const found = await weighed(
    { ...onnx, name: 'nowhere', alone: { megabytes: 1, ms: 1, hostile: () => [] } },
    { inputs: [new Uint8Array()], folder, signal },
  )
  assert.match(found?.findings[0]?.why ?? '', /^the process ended \(1\)/)
})
