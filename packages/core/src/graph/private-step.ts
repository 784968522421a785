/** The gradients of a step that is differentially private (docs/decisions/0035-private-steps.md): what an example has of them is clipped, and noise is added. */
import { WardroundError } from '../errors.ts'
import { logitAdjustmentIn } from '../study/outcome.ts'
import type { GraphBuilder } from './builder.ts'
import { int } from './ir.ts'
import { appendDataLoss, pickRows, withPenalties } from './objective.ts'
import type { Objective } from './per-example/clipped-sums.ts'
import { type PrivacyOptions, privateGradients } from './per-example/private-gradients.ts'
import { countedInput, type Gradients, makePrivateBy, noiseInput, type StepGiven, type StepOptions } from './step.ts'

type PrivateOptions = StepOptions & { readonly privacy: PrivacyOptions }

/**
 * Penalties hold weights to where they are known to be anyway, and are no example's: their gradients are added after the noise. `data` is the mean over the examples
 * that count; it is not private, and must stay where the data is. Errors: WR_GRAPH_REFUSED.
 */
function appendPrivateGradients(b: GraphBuilder, options: PrivateOptions, given: StepGiven): Gradients {
  if (options.training.clipGradients !== undefined)
    throw new WardroundError('WR_GRAPH_REFUSED', {
      problem: 'the gradients of a private step are clipped example by example: leave out clipGradients',
    })
  if (logitAdjustmentIn(options.training.loss) !== undefined)
    throw new WardroundError('WR_GRAPH_REFUSED', {
      problem:
        'the logits of a private step are not adjusted by how many records there are of each class: all examples would count in the gradient of one. Leave out logitAdjustment',
    })
  const { learnt } = given.parts
  const counted = b.input({ name: countedInput, type: 'float32', shape: [options.batch, 1] })
  const noise = learnt.map(({ name, shape }) => b.input({ name: noiseInput({ name }), type: 'float32', shape }))
  const { loss, gradients } = privateGradients(b, {
    objective: objectiveOf(b, options, { ...given, counted }),
    options: options.privacy,
    noise,
  })
  const count = b.node('ReduceSum', [counted], { attributes: { keepdims: int(0) } })
  const share = b.node('Div', [b.scalar(options.batch), b.node('Max', [count, b.scalar(1)])])
  const all = withPenalties(b, options, { parts: given.parts, gradients })
  return { data: b.node('Mul', [loss, share]), gradients: all }
}

makePrivateBy(appendPrivateGradients)

/** The data loss, in which an example that only fills up the batch weighs nothing: it is weighed before it is clipped, so that no weight is a way past the bound. */
function objectiveOf(
  b: GraphBuilder,
  options: PrivateOptions,
  { parts: { network, weights, learnt }, batch, draw, keep, counted }: StepGiven & { counted: string },
): Objective {
  const rows = pickRows(b, options, { batch, context: { draw } })
  const drawn = network.draws.map((spec) => [`draws/${spec.name}`, draw(spec) ?? ''] as const)
  const names = new Map([...Object.entries(rows), ...drawn, ['counted', counted]])
  return {
    parameters: learnt.map(({ name }) => name),
    examples: [...names.values()],
    around: weights.map(({ name }) => name),
    append(inner, examples) {
      const own = new Map([...names.keys()].map((name, index) => [name, examples[index] ?? '']))
      const of = (name: string): string => own.get(name) ?? ''
      const weight = options.weighted ? inner.node('Mul', [of('weight'), of('counted')]) : of('counted')
      return appendDataLoss(inner, options, {
        network,
        context: { draw: ({ name }) => own.get(`draws/${name}`), keep },
        rows: {
          ...{ features: of('features'), target: of('target'), weight },
          ...(rows.group === undefined ? {} : { group: of('group') }),
        },
      })
    },
  }
}
