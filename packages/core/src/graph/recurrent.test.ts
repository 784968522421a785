import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, WardroundError } from '../errors.ts'
import { graphBuilder } from './builder.ts'
import { gradientRules } from './gradients/registry.ts'
import { type Attribute, float, int, ints, type Shape, text, texts } from './ir.ts'
import { inferNode } from './shapes/registry.ts'

const coded = (code: ErrorCode) => (error: unknown) => error instanceof WardroundError && error.code === code

type Use = {
  readonly op?: string
  readonly attributes?: Readonly<Record<string, Attribute>>
  /** Operands by their place, instead of those that fit. */
  readonly operands?: Readonly<Record<number, Shape>>
  readonly hidden?: number
}

const gates: Readonly<Record<string, number>> = { RNN: 1, GRU: 3, LSTM: 4 }

/** The shapes of what a layer of 5 inputs makes of some steps of a batch. */
function shapesOf({ op = 'LSTM', attributes = {}, operands = {}, hidden = 2 }: Use): readonly Shape[] {
  const rows = (gates[op] ?? 0) * hidden
  const fitting: readonly Shape[] = [
    ['steps', 'batch', 5],
    [1, rows, 5],
    [1, rows, hidden],
  ]
  const places = Math.max(3, ...Object.keys(operands).map((place) => Number(place) + 1))
  const inputs = Array.from({ length: places }, (_, place) => operands[place] ?? fitting[place])
  const shapes = new Map(inputs.map((shape, place) => [`x${place}`, shape]))
  const node = {
    op,
    domain: '',
    inputs: inputs.map((shape, place) => (shape === undefined ? '' : `x${place}`)),
    outputs: op === 'LSTM' ? ['y', 'h', 'c'] : ['y', 'h'],
    attributes: { hidden_size: int(hidden), ...attributes },
  }
  const info = (name: string) => ({ type: 'float32' as const, shape: shapes.get(name) ?? assert.fail(name) })
  return inferNode(node, { info, constant: () => undefined }).map(({ shape }) => shape)
}

const refuses = (code: ErrorCode, use: Use): void =>
  assert.throws(() => shapesOf(use), coded(code), `${code} ${JSON.stringify(use)}`)

test('steps and batch may be known only when the layer runs', () => {
  const state = [1, 'batch', 2]
  assert.deepEqual(shapesOf({ op: 'GRU' }), [['steps', 1, 'batch', 2], state])
  assert.deepEqual(shapesOf({ op: 'RNN', operands: { 3: [1, 4], 5: state } }), [['steps', 1, 'batch', 2], state])
  assert.deepEqual(shapesOf({ operands: { 5: state, 6: state } }), [['steps', 1, 'batch', 2], state, state])
})

test('operands that do not fit are invalid', () => {
  const uses: readonly Use[] = [
    { operands: { 0: ['steps', 5] } },
    { operands: { 0: ['steps', 'batch', 'inputs'] } },
    { operands: { 0: ['steps', 'batch', 4] } },
    { operands: { 0: [0, 'batch', 5] } },
    { operands: { 0: ['steps', 0, 5] } },
    { operands: { 1: [2, 8, 5] } },
    { operands: { 1: [1, 6, 5] } },
    { operands: { 1: [1, 8, 4] } },
    { operands: { 1: [8, 5] } },
    { operands: { 2: [1, 8, 'hidden'] } },
    { operands: { 2: [1, 6, 2] } },
    { operands: { 3: [1, 8] } },
    { operands: { 5: [1, 3, 2] } },
    { operands: { 5: [1, 'batch', 3] } },
    { operands: { 6: [2, 'batch', 2] } },
    { hidden: 0 },
    { attributes: { hidden_size: int(3) } },
    { attributes: { direction: text('bidirectional') } },
    { attributes: { direction: text('sideways') } },
    { attributes: { direction: text('toString') } },
    { attributes: { direction: int(1) } },
  ]
  for (const use of uses) refuses('WR_GRAPH_INVALID', use)
})

test('variants that nobody here computes are refused', () => {
  const uses: readonly Use[] = [
    { attributes: { clip: float(3) } },
    { attributes: { activations: text('Relu') } },
    { attributes: { activations: texts(['Relu']) } },
    { attributes: { activation_alpha: ints([1]) } },
    { attributes: { activation_beta: ints([1]) } },
    { attributes: { layout: int(1) } },
    { attributes: { input_forget: int(1) } },
    { operands: { 4: ['batch'] } },
    { operands: { 7: [1, 6] } },
  ]
  for (const use of uses) refuses('WR_GRAPH_REFUSED', use)
})

test('a gradient needs to know how many steps there are, and how many examples', () => {
  for (const shape of [
    ['steps', 3, 5],
    [4, 'batch', 5],
  ] satisfies Shape[]) {
    const b = graphBuilder()
    const names = [shape, [1, 2, 5], [1, 2, 2]].map((extents, index) =>
      b.input({ name: `x${index}`, type: 'float32', shape: extents }),
    )
    const [y] = b.several('RNN', names, { outputs: 1, attributes: { hidden_size: int(2) } })
    const node = b.nodes().at(-1) ?? assert.fail()
    assert.throws(() => gradientRules.RNN?.(node, [y], b), coded('WR_GRAPH_REFUSED'))
  }
})
