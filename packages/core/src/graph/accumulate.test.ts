/** A batch that is worked on in parts is trained on as the whole one is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../errors.ts'
import { layersIn } from '../study/model-forms.ts'
import { epochGraph } from './epoch.ts'
import { run } from './interpreter/interpret.ts'
import { numbers, type Values } from './interpreter/values.ts'
import { checkGraph } from './safelist.ts'
import type { StepOptions } from './step.ts'
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

/** Constants are Float32, a third among them: what a mean is multiplied by. */
const tolerance = 1e-6

const inParts = (options: StepOptions, microbatch: number): StepOptions => ({
  ...options,
  training: { ...options.training, microbatch },
})

const isStatistical = ({ model }: StepOptions): boolean =>
  layersIn(model).some((layer) => 'batchNormalization' in layer)

test('whatever a study asks for, parts of any size come to the weights and losses of the whole', () => {
  const seen = { divided: 0, leftOver: 0, refused: 0 }
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const { epoch, options, feeds } = drawTraining(g)
      const microbatch = g(fc.integer, { min: 1, max: options.batch })
      const asked = inParts(options, microbatch)
      if (isStatistical(options) && microbatch < options.batch) {
        assert.throws(
          () => epochGraph(asked),
          (error) => error instanceof WardroundError && error.code === 'WR_GRAPH_REFUSED',
        )
        seen.refused += 1
        return
      }
      const { graph } = epochGraph(asked)
      checkGraph(graph)
      assertNear(run(graph, feeds), run(epoch.graph, feeds), tolerance)
      if (microbatch < options.batch) seen.divided += 1
      if (options.batch % microbatch > 0) seen.leftOver += 1
    }),
    drawn(120),
  )
  assert.ok(Math.min(...Object.values(seen)) >= 5, JSON.stringify(seen))
})

test("in parts of three, with one left over, PyTorch's training is found again", () => {
  let compared = 0
  for (const given of pytorchRuns.filter((_, index) => index % 3 === 0)) {
    const whole = pytorchTraining(given)
    if (isStatistical(whole.options)) continue
    const { training } = inParts(whole.options, 3)
    const { epoch, feeds, options } = pytorchTraining(given, { training })
    assert.ok(options.batch > 3)
    assertNear(run(epoch.graph, feeds), pytorchOutputs(given, epoch), 1e-5)
    compared += 1
  }
  assert.ok(compared >= 4)
})

test('a part as large as the batch changes nothing in the graph', () => {
  const [given = assert.fail()] = pytorchRuns
  const { epoch, options } = pytorchTraining(given)
  assert.deepEqual(epochGraph(inParts(options, options.batch)).graph, epoch.graph)
})
