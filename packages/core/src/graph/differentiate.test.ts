import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ErrorCode, WardroundError } from '../errors.ts'
import { type GraphBuilder, graphBuilder } from './builder.ts'
import { differentiate } from './differentiate.ts'
import { gradientRules } from './gradients/registry.ts'
import { run } from './interpreter/interpret.ts'
import { float32, numbers, range, type Values } from './interpreter/values.ts'
import { int, ints } from './ir.ts'
import { allowedOperators } from './safelist.ts'
import { type Draw, drawn, floats } from './testing/draws.ts'

const coded = (code: ErrorCode) => (error: unknown) => error instanceof WardroundError && error.code === code

/** A scalar built from vectors of three, with the gradient for each of `wanted`. */
function gradientsOf(
  inputs: Readonly<Record<string, readonly number[]>>,
  loss: (b: GraphBuilder) => string,
  wanted = Object.keys(inputs),
): readonly (readonly number[])[] {
  const b = graphBuilder()
  for (const [name, data] of Object.entries(inputs)) b.input({ name, type: 'float32', shape: [data.length] })
  const names = differentiate(b, loss(b), wanted)
  const outputs = names.map((name, index) => b.node('Identity', [name], { name: `gradient ${index}` }))
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, data]) => [name, float32([data.length], data)] as const),
  )
  const values = run(b.build('gradients', outputs), feeds)
  return outputs.map((name) => numbers(values[name] ?? assert.fail(name)).data)
}
const total = (b: GraphBuilder, x: string): string => b.node('ReduceSum', [x], { attributes: { keepdims: int(0) } })

test('a value that is used twice collects both gradients', () => {
  // L = Σ w·w + 3w: dL/dw = 2w + 3.
  const square = (b: GraphBuilder): string =>
    total(b, b.node('Add', [b.node('Mul', ['w', 'w']), b.node('Mul', ['w', b.scalar(3)])]))
  assert.deepEqual(gradientsOf({ w: [1, -2, 0.5] }, square), [[5, -1, 4]])
  // Through a shared value h = w + v: L = Σ h·h − w: dL/dw = 2h − 1, dL/dv = 2h.
  const shared = (b: GraphBuilder): string => {
    const h = b.node('Add', ['w', 'v'])
    return total(b, b.node('Sub', [b.node('Mul', [h, h]), 'w']))
  }
  assert.deepEqual(gradientsOf({ w: [1, 2, 3], v: [1, 0, -1] }, shared), [
    [3, 3, 3],
    [4, 4, 4],
  ])
})

test('a loss that is a parameter itself has the gradient 1', () => {
  const b = graphBuilder()
  const w = b.input({ name: 'w', type: 'float32', shape: [] })
  const [gradient = ''] = differentiate(b, w, [w])
  assert.deepEqual(run(b.build('g', [gradient]), { w: float32([], [7]) }), { [gradient]: float32([], [1]) })
})

test('what is appended as one is differentiated as the node that it is said to be', () => {
  // The largest of one value, which has no gradient rule, is that value.
  const same = (b: GraphBuilder): string => {
    const y = b.unused('Identity')
    b.asOne(() => {
      b.node('ReduceMax', ['w'], { name: y })
      return { op: 'Identity', domain: '', inputs: ['w'], outputs: [y], attributes: {} }
    })
    return b.node('Mul', [y, b.scalar(5)])
  }
  assert.deepEqual(
    gradientsOf({ w: [3] }, (b) => total(b, b.node('Mul', [same(b), 'w']))),
    [[30]],
  )
})

test('gradients come in the order they are asked for, and only for what is asked', () => {
  const difference = (b: GraphBuilder): string => total(b, b.node('Sub', ['w', 'v']))
  const inputs = { w: [1, 2], v: [3, 4] }
  assert.deepEqual(gradientsOf(inputs, difference, ['v', 'w']), [
    [-1, -1],
    [1, 1],
  ])
  assert.deepEqual(gradientsOf(inputs, difference, ['w']), [[1, 1]])
})

test('what the loss does not depend on is neither visited nor kept', () => {
  const withDeadBranch = (b: GraphBuilder): string => {
    // None of these has a gradient rule.
    b.node('ReduceMax', [b.node('Abs', ['w'])])
    return total(b, b.node('Mul', ['w', 'w']))
  }
  assert.deepEqual(gradientsOf({ w: [1, 2] }, withDeadBranch), [[2, 4]])
  const b = graphBuilder()
  b.input({ name: 'w', type: 'float32', shape: [2] })
  const loss = withDeadBranch(b)
  const graph = b.build('g', differentiate(b, loss, ['w']))
  assert.ok(graph.nodes.every(({ op }) => op !== 'Abs' && op !== 'ReduceMax'))
})

test('an operator without a rule is no hindrance where no parameter passes it', () => {
  // L = Σ sign(x)·w: dL/dw = sign(x).
  const loss = (b: GraphBuilder): string => total(b, b.node('Mul', [b.node('Sign', ['x']), 'w']))
  assert.deepEqual(gradientsOf({ x: [-1, 2], w: [5, 6] }, loss, ['w']), [[-1, 1]])
})

test('an operator without a rule is refused on the way from a parameter to the loss', () => {
  const without = [...allowedOperators].filter((op) => !Object.hasOwn(gradientRules, op))
  assert.ok(without.includes('Hardmax') && without.includes('Less') && without.includes('Scan'))
  // The last ones are names that every JavaScript object has.
  for (const op of [...without, 'NonZero', 'constructor', 'toString', '__proto__']) {
    const b = graphBuilder()
    const w = b.input({ name: 'w', type: 'float32', shape: [] })
    b.call(op, [w], { outputs: [{ name: 'y', type: 'float32', shape: [] }] })
    assert.throws(() => differentiate(b, 'y', [w]), coded('WR_GRAPH_REFUSED'), op)
  }
})

test('a loss that depends on a parameter through steps alone is the same error', () => {
  for (const op of ['Floor', 'Ceil', 'Round', 'Sign']) {
    const b = graphBuilder()
    const w = b.input({ name: 'w', type: 'float32', shape: [] })
    const loss = b.node(op, [w])
    assert.throws(() => differentiate(b, loss, [w]), coded('WR_GRAPH_INVALID'), op)
    // Past it, what reaches the loss some other way still does.
    assert.equal(differentiate(b, b.node('Add', [loss, w]), [w]).length, 1)
  }
})

test('a loss that does not depend on a parameter is an error that names it', () => {
  const b = graphBuilder()
  for (const name of ['w', 'v', 'x']) b.input({ name, type: 'float32', shape: [2] })
  const loss = total(b, b.node('Mul', ['w', 'x']))
  const names = (parameter: string) => (error: unknown) =>
    coded('WR_GRAPH_INVALID')(error) && error instanceof Error && error.message.includes(`depend on ${parameter}`)
  assert.throws(() => differentiate(b, loss, ['w', 'v']), names('v'))
  // Nothing flows through a comparison: the loss is constant where it has a derivative at all.
  const step = total(b, b.node('Where', [b.node('Greater', ['v', b.scalar(0)]), 'x', 'w']))
  assert.throws(() => differentiate(b, step, ['v']), names('v'))
})

test('a loss that is no scalar is refused', () => {
  for (const shape of [[1], [2, 3], ['rows']]) {
    const b = graphBuilder()
    const w = b.input({ name: 'w', type: 'float32', shape })
    assert.throws(() => differentiate(b, w, [w]), coded('WR_GRAPH_INVALID'))
  }
})

test('of several outputs, those that the loss does not depend on pass nothing', () => {
  // L = Σ second², of w in two parts.
  const second = (b: GraphBuilder): string => {
    const [, part = ''] = b.several('Split', ['w'], { outputs: 2, attributes: { num_outputs: int(2) } })
    return total(b, b.node('Mul', [part, part]))
  }
  assert.deepEqual(gradientsOf({ w: [1, 2, 3, 4, 5] }, second), [[0, 0, 0, 8, 10]])
})

// ---- whole graphs ----

/** A few smooth operators on one another; values may be used any number of times. */
function randomLoss(b: GraphBuilder, g: Draw, names: readonly string[]): string {
  const values = [...names]
  const pick = (): string => g(() => fc.constantFrom(...values))
  for (const _ of range(g(fc.integer, { min: 1, max: 8 }))) {
    const op = g(() =>
      fc.constantFrom('Add', 'Sub', 'Mul', 'Tanh', 'Sigmoid', 'Softplus', 'Softmax', 'MatMul', 'Transpose', 'Mean'),
    )
    const unary = ['Tanh', 'Sigmoid', 'Softplus', 'Softmax'].includes(op)
    // Products of products grow beyond what differences can tell: each is squashed.
    if (op === 'Transpose') values.push(b.node('Transpose', [pick()], { attributes: { perm: ints([1, 0]) } }))
    else if (op === 'Mean') values.push(b.node('Add', [b.node('ReduceMean', [pick(), b.axes([0])]), pick()]))
    else if (op === 'MatMul') values.push(b.node('Tanh', [b.node('MatMul', [pick(), pick()])]))
    else values.push(b.node(op, unary ? [pick()] : [pick(), b.node('Tanh', [pick()])]))
  }
  const last = values.at(-1) ?? ''
  const all = names.reduce((sum, name) => b.node('Add', [sum, name]), last)
  return b.node('ReduceMean', [b.node('Mul', [all, all])], { attributes: { keepdims: int(0) } })
}

test('on random graphs the gradient is the derivative by differences', () => {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const b = graphBuilder()
      const names = ['u', 'v', 'w']
      for (const name of names) b.input({ name, type: 'float32', shape: [2, 2] })
      const loss = randomLoss(b, g, names)
      const forward = b.build('forward', [loss])
      const gradients = differentiate(b, loss, names)
      const feeds = Object.fromEntries(names.map((name) => [name, floats(g, [2, 2])] as const))
      const found = run(b.build('backward', gradients), feeds)
      const at = (values: Values): number =>
        numbers(run(forward, values)[loss] ?? assert.fail(loss)).data[0] ?? Number.NaN
      const step = 2 ** -10
      for (const [index, name] of names.entries()) {
        const x = numbers(feeds[name] ?? assert.fail(name))
        const gradient = numbers(found[gradients[index] ?? ''] ?? assert.fail(name))
        assert.deepEqual(gradient.shape, x.shape)
        for (const element of range(4)) {
          const moved = (by: number): number =>
            at({ ...feeds, [name]: { ...x, data: x.data.with(element, (x.data[element] ?? 0) + by) } })
          const wanted = (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step)
          const value = gradient.data[element] ?? Number.NaN
          assert.ok(Math.abs(value - wanted) <= 1e-5 * Math.max(1, Math.abs(wanted)), `${name}: ${value} and ${wanted}`)
        }
      }
    }),
    drawn(),
  )
})

test('an operand that is left out does not depend on an output that nobody names', () => {
  const b = graphBuilder()
  const shapes = { x: [2, 1, 1], w: [1, 1, 1], r: [1, 1, 1], bound: [], other: [1] }
  for (const [name, shape] of Object.entries(shapes)) b.input({ name, type: 'float32', shape })
  const [, last = ''] = b.several('RNN', ['x', 'w', 'r'], {
    outputs: ['', 'last'],
    attributes: { hidden_size: int(1) },
  })
  // With a bound that is computed Clip cannot be differentiated, and need not be.
  const clipped = b.node('Clip', ['other', '', 'bound'])
  const [gradient = ''] = differentiate(b, total(b, b.node('Mul', [last, clipped])), ['w'])
  assert.deepEqual(b.shape(gradient), [1, 1, 1])
})
