import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { layerSchema } from '../../study/layers.ts'
import { type Diagram, diagramOf, type Item } from './diagram.ts'
import { itemsOfLayers } from './items.ts'

const item = (op: string, from: readonly number[], rest: Partial<Item> = {}): Item => ({
  op,
  name: '',
  output: [4],
  parameters: 0,
  from,
  ...rest,
})

/** Boxes as the operators in them, and edges. */
const drawn = ({ boxes, edges }: Diagram) => ({
  boxes: boxes.map(({ operators }) =>
    operators.map(({ op, count }) => (count === 1 ? op : `${op}*${count}`)).join(' '),
  ),
  edges,
})

test('an activation and a normalisation are in the box of what they follow', () => {
  const items = [item('Conv', [-1]), item('BatchNormalization', [0]), item('Relu', [1]), item('Conv', [2])]
  assert.deepEqual(drawn(diagramOf([4], items)), {
    boxes: ['Conv BatchNormalization Relu', 'Conv'],
    edges: [
      [-1, 0],
      [0, 1],
    ],
  })
})

test('an activation of several nodes is, too: x·σ(x)', () => {
  const items = [item('Conv', [-1]), item('Neg', [0]), item('Sigmoid', [1]), item('Mul', [0, 2]), item('Conv', [3])]
  assert.deepEqual(drawn(diagramOf([4], items)).boxes, ['Conv Neg Sigmoid Mul', 'Conv'])
})

test('a residual branch stays one, with the sum in a box of its own', () => {
  const items = [item('Conv', [-1]), item('Relu', [0]), item('Conv', [1]), item('Add', [2, 1]), item('Relu', [3])]
  assert.deepEqual(drawn(diagramOf([4], items)), {
    boxes: ['Conv Relu', 'Conv', 'Add Relu'],
    edges: [
      [-1, 0],
      [0, 1],
      [0, 2],
      [1, 2],
    ],
  })
})

test('what something else needs as it was is not joined with what follows', () => {
  const items = [item('Conv', [-1]), item('Relu', [0]), item('Conv', [0]), item('Concat', [1, 2])]
  assert.deepEqual(drawn(diagramOf([4], items)).boxes, ['Conv', 'Relu', 'Conv', 'Concat'])
})

test('nor is an activation whose operand a third one needs', () => {
  const items = [item('Conv', [-1]), item('Sigmoid', [0]), item('Mul', [0, 1]), item('Conv', [0]), item('Add', [2, 3])]
  assert.deepEqual(drawn(diagramOf([4], items)).boxes, ['Conv', 'Sigmoid', 'Mul', 'Conv', 'Add'])
})

test('of many boxes those between narrow places become one, called as its parts have in common', () => {
  const block = (start: number, name: string): readonly Item[] => [
    item('Conv', [start], { name: `${name}.conv1.weight`, parameters: 5 }),
    item('Conv', [start + 1], { name: `${name}.conv2.weight`, parameters: 7, output: [9] }),
    item('Add', [start, start + 2], { output: [9] }),
  ]
  const items = [...block(-1, 'body.0'), ...block(2, 'body.1')]
  const diagram = diagramOf([4], items, 3)
  assert.deepEqual(drawn(diagram), {
    boxes: ['Conv*2 Add', 'Conv*2 Add'],
    edges: [
      [-1, 0],
      [0, 1],
    ],
  })
  assert.deepEqual(
    diagram.boxes.map(({ name, parameters, output }) => [name, parameters, output]),
    [
      ['body.0', 12, [9]],
      ['body.1', 12, [9]],
    ],
  )
})

const heavyAndLight = ['Conv', 'Concat', 'Relu', 'Add', 'Mul']
/** Nodes in topological order that use what is near before them, as models do. */
const graphs = fc
  .array(fc.tuple(fc.constantFrom(...heavyAndLight), fc.array(fc.nat(6), { minLength: 1, maxLength: 3 })), {
    minLength: 1,
    maxLength: 80,
  })
  .map((nodes) =>
    nodes.map(([op, back], index) =>
      item(op, [...new Set(back.map((steps) => Math.max(-1, index - 1 - steps)))], { parameters: 1 }),
    ),
  )

test('whatever the graph: nothing is lost, edges go forwards, and there are no more boxes than are to be', () => {
  fc.assert(
    fc.property(graphs, fc.integer({ min: 1, max: 20 }), (items, limit) => {
      const { boxes, edges } = diagramOf([4], items, limit)
      assert.equal(
        boxes.reduce((sum, box) => sum + box.parameters, 0),
        items.length,
      )
      assert.ok(boxes.length <= limit, `${boxes.length} boxes`)
      for (const [from, to] of edges) assert.ok(from < to && to < boxes.length)
      assert.equal(new Set(edges.map(String)).size, edges.length)
    }),
    { numRuns: 300 },
  )
})

test('layers of a study are drawn with their branches', () => {
  const layers = [
    { conv1d: 4, kernel: 3, padding: 'same', activation: 'relu' },
    { residual: [{ conv1d: 4, kernel: 3, padding: 'same' }], activation: 'relu' },
    { flatten: {} },
    { dense: 2, name: 'head' },
  ].map((layer) => layerSchema.parse(layer))
  const diagram = diagramOf([3, 8], itemsOfLayers(layers, [3, 8]))
  assert.deepEqual(drawn(diagram), {
    boxes: ['conv1d', 'conv1d', 'residual flatten', 'dense'],
    edges: [
      [-1, 0],
      [0, 1],
      [0, 2],
      [1, 2],
      [2, 3],
    ],
  })
  assert.deepEqual(
    diagram.boxes.map(({ parameters, name }) => [parameters, name]),
    [
      [4 * 3 * 3 + 4, ''],
      [4 * 4 * 3 + 4, ''],
      [0, ''],
      [32 * 2 + 2, 'head'],
    ],
  )
})
