import assert from 'node:assert/strict'
import { test } from 'node:test'
import { graphBuilder } from '@wardround/core/graph/builder.ts'
import { float32, numbers } from '@wardround/core/graph/interpreter/values.ts'
import { type Graph, int, ints, subgraph } from '@wardround/core/graph/ir.ts'
import { optionsFor, sessionOptions } from './session-options.ts'
import { onRuntime } from './testing/on-runtime.ts'

/** x + 1 + … + 1, so often. */
function ladder(steps: number, prefix = ''): Graph {
  const b = graphBuilder(prefix)
  let value = b.input({ name: `${prefix}x`, type: 'float32', shape: [2] })
  for (let step = 0; step < steps; step++) value = b.node('Add', [value, b.scalar(1)])
  return b.build('ladder', [value])
}

/** The same in each of the rows of a Scan. */
function scanned(steps: number): Graph {
  const b = graphBuilder()
  b.input({ name: 'rows', type: 'float32', shape: [3, 2] })
  b.call('Scan', ['rows'], {
    outputs: [{ name: 'y', type: 'float32', shape: [3, 2] }],
    attributes: { body: subgraph(ladder(steps, 'row/')), num_scan_inputs: int(1), scan_input_axes: ints([0]) },
  })
  return b.build('scanned', ['y'])
}

test('a graph of very many nodes, those of its subgraphs among them, is run as it stands', async () => {
  for (const graph of [ladder(1000), scanned(999)])
    assert.deepEqual(optionsFor(graph, 'between'), sessionOptions('between'))
  for (const graph of [ladder(1001), scanned(1000)])
    assert.deepEqual(optionsFor(graph, 'all'), { ...sessionOptions('all'), graphOptimizationLevel: 'disabled' })
  const { y } = await onRuntime(scanned(1500), { rows: float32([3, 2], [0, 1, 2, 3, 4, 5]) })
  assert.deepEqual(numbers(y ?? assert.fail()).data, [1500, 1501, 1502, 1503, 1504, 1505])
})
