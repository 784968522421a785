/** A batch that is worked on in parts is trained on as the whole one is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../errors.ts'
import { modelSchema, trainingSchema } from '../study/model.ts'
import { layersIn } from '../study/model-forms.ts'
import { sizeOf } from '../weights.ts'
import { run } from './interpreter/interpret.ts'
import { float32, type NumberValue, numbers, range, type Values } from './interpreter/values.ts'
import type { Graph } from './ir.ts'
import { gradientInput, isDivided, lastInput, partedStep, partsOfBatch } from './parted-step.ts'
import { checkGraph } from './safelist.ts'
import { drawsInput, rateInput, type StepOptions } from './step.ts'
import { drawn } from './testing/draws.ts'
import { drawTraining, pytorchOutputs, pytorchRuns, pytorchTraining } from './testing/training.ts'

function assertNear(found: Values, wanted: Values, tolerance: number): void {
  for (const [name, value] of Object.entries(wanted)) {
    const [one, other] = [numbers(found[name] ?? assert.fail(name)), numbers(value)]
    assert.deepEqual(one.shape, other.shape, name)
    for (const [index, expected] of other.data.entries())
      assert.ok(
        Math.abs((one.data[index] ?? Number.NaN) - expected) <= tolerance * Math.max(1, Math.abs(expected)),
        `${name}: ${one.data[index]} and ${expected}`,
      )
  }
}

const studyOfTimes = {
  model: modelSchema.parse({ layers: [{ dense: 1 }] }),
  training: trainingSchema.parse({
    loss: 'coxPartialLikelihood',
    optimizer: { sgd: { rate: 0.1 } },
    batch: 4,
    epochs: 1,
  }),
}

/** Constants are Float32, a third among them: what a mean is multiplied by. */
const tolerance = 1e-6

/** Some rows along the first axis. */
function rowsOf(value: NumberValue, rows: readonly number[]): NumberValue {
  const [, ...extents] = value.shape
  const width = sizeOf(extents)
  const data = rows.flatMap((row) => value.data.slice(row * width, (row + 1) * width))
  return { ...value, shape: [rows.length, ...extents], data }
}

/** One of a stack. */
const oneOf = (value: NumberValue, at: number): NumberValue => {
  const row = rowsOf(value, [at])
  return { ...row, shape: row.shape.slice(1) }
}

const runWith = (graph: Graph, values: Values): Values => {
  checkGraph(graph)
  return run(graph, Object.fromEntries(graph.inputs.map(({ name }) => [name, values[name] ?? assert.fail(name)])))
}

/** The same steps as the epoch graph takes with these feeds, batch by batch and part by part; its outputs. */
function inParts(options: StepOptions, microbatch: number, feeds: Values): Values {
  const { parts, part, update } = partedStep(options, Number.POSITIVE_INFINITY)
  assert.deepEqual(update.updates, [])
  const of = (name: string): NumberValue => numbers(feeds[name] ?? assert.fail(name))
  const batches = of('batches')
  const [steps = 0, batch = 0] = batches.shape
  const perExample = new Set(parts.outer.filter(({ shape }) => shape[0] === 'rows').map(({ name }) => name))
  let carried: Values = Object.fromEntries(parts.carried.map(({ name }) => [name, of(name)]))
  const losses = range(steps).map((step) => {
    const own = oneOf(batches, step).data
    let sums: readonly (readonly number[])[] = parts.learnt.map(({ shape }) => range(sizeOf(shape)).map(() => 0))
    let last: readonly (readonly number[])[] = []
    let loss = 0
    let from = 0
    for (const examples of partsOfBatch(batch, microbatch)) {
      const places = range(examples).map((at) => from + at)
      const rows = places.map((at) => own[at] ?? Number.NaN)
      const picked = parts.outer.map(({ name }): [string, NumberValue] => [
        name,
        perExample.has(name) ? rowsOf(of(name), rows) : of(name),
      ])
      const draws = parts.draws.map((spec): [string, NumberValue] => [
        drawsInput(spec),
        rowsOf(oneOf(of(`draws/${spec.name}`), step), places),
      ])
      const graph = part(examples)
      const outputs = runWith(graph, { ...carried, ...Object.fromEntries([...picked, ...draws]) })
      const found = graph.outputs.map(({ name }) => numbers(outputs[name] ?? assert.fail(name)).data)
      if (from > 0) sums = sums.map((sum, index) => sum.map((value, at) => value + (last[index]?.[at] ?? Number.NaN)))
      last = found.slice(0, -1)
      loss += found.at(-1)?.[0] ?? Number.NaN
      from += examples
    }
    assert.equal(from, batch)
    const gradients = parts.learnt.flatMap((spec, index): [string, NumberValue][] => [
      [gradientInput(spec), float32(spec.shape, sums[index] ?? [])],
      [lastInput(spec), float32(spec.shape, last[index] ?? [])],
    ])
    const rate: Values = options.scheduled ? { [rateInput]: oneOf(of('rates'), step) } : {}
    const next = runWith(update.graph, { ...feeds, ...carried, ...rate, ...Object.fromEntries(gradients) })
    carried = Object.fromEntries([...update.next].map(([name, output]) => [name, next[output] ?? assert.fail(output)]))
    return loss
  })
  return {
    ...Object.fromEntries(Object.entries(carried).map(([name, value]) => [`next/${name}`, value])),
    losses: float32([steps], losses),
  }
}

const isStatistical = ({ model }: StepOptions): boolean =>
  layersIn(model).some((layer) => 'batchNormalization' in layer)

test('whatever a study asks for, parts of any size come to the weights and losses of the whole', () => {
  const seen = { divided: 0, leftOver: 0, refused: 0 }
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const { epoch, options, feeds } = drawTraining(g)
      const microbatch = g(fc.integer, { min: 1, max: options.batch })
      if (isStatistical(options)) {
        assert.throws(
          () => partedStep(options),
          (error) => error instanceof WardroundError && error.code === 'WR_GRAPH_REFUSED',
        )
        seen.refused += 1
        return
      }
      assertNear(inParts(options, microbatch, feeds), run(epoch.graph, feeds), tolerance)
      if (isDivided(microbatch, options.batch)) seen.divided += 1
      if (options.batch % microbatch > 0) seen.leftOver += 1
    }),
    drawn(120),
  )
  assert.ok(Math.min(...Object.values(seen)) >= 5, JSON.stringify(seen))
})

test("in parts of three, with one left over, PyTorch's training is found again", () => {
  let compared = 0
  for (const given of pytorchRuns.filter((_, index) => index % 3 === 0)) {
    const { epoch, feeds, options } = pytorchTraining(given)
    if (isStatistical(options)) continue
    assert.ok(options.batch > 3)
    assertNear(inParts(options, 3, feeds), pytorchOutputs(given, epoch), 1e-5)
    compared += 1
  }
  assert.ok(compared >= 4)
})

test('a loss that compares all examples of a batch has no parts', () => {
  const { model, training } = studyOfTimes
  assert.throws(
    () => partedStep({ model, training, inputs: 2, batch: 4, weighted: false }),
    (error: unknown) => error instanceof WardroundError && error.code === 'WR_GRAPH_REFUSED',
  )
})

test('parts are a batch together, and only the first may be smaller than asked for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }), (batch, microbatch) => {
      const [first = 0, ...others] = partsOfBatch(batch, microbatch)
      assert.equal(
        others.reduce((sum, examples) => sum + examples, first),
        batch,
      )
      assert.ok(first >= 1 && first <= microbatch && others.every((examples) => examples === microbatch))
      assert.equal(others.length > 0, isDivided(microbatch, batch))
    }),
    drawn(120),
  )
})
