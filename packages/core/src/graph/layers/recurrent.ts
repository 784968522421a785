/** Recurrent layers. */
import type { GraphBuilder } from '../builder.ts'
import { int, ints, text } from '../ir.ts'
import { glorot, kernel, type Layer, misfit, type Place, parameter } from './layer.ts'

export type Recurrent = {
  readonly op: 'GRU' | 'LSTM'
  readonly units: number
  readonly returnSequences: boolean
  readonly bidirectional: boolean
}

const gateCounts = { GRU: 3, LSTM: 4 }

/**
 * `NAME.kernel` [directions, gates·units, features], `NAME.recurrentKernel` [directions, gates·units, units] and `NAME.bias` [directions, 2·gates·units], with the gates
 * in ONNX's order: z r h, and i o f c. A GRU resets after its product (Keras's reset_after, PyTorch's only form). Errors: WR_STUDY_INVALID.
 */
export function recurrentLayer(
  { op, units, returnSequences, bidirectional }: Recurrent,
  { name, input }: Place,
): Layer {
  const [steps = 0, features = 0] = input
  if (input.length !== 2) throw misfit('model.layers', `${name} needs [steps, features] and gets [${input.join(', ')}]`)
  const [directions, rows] = [bidirectional ? 2 : 1, gateCounts[op] * units]
  const names = [`${name}.kernel`, `${name}.recurrentKernel`, `${name}.bias`]
  const attributes = {
    hidden_size: int(units),
    ...(bidirectional ? { direction: text('bidirectional') } : {}),
    ...(op === 'GRU' ? { linear_before_reset: int(1) } : {}),
  }
  return {
    name,
    output: returnSequences ? [steps, directions * units] : [directions * units],
    weights: [
      kernel(`${name}.kernel`, [directions, rows, features], glorot(features, rows)),
      kernel(`${name}.recurrentKernel`, [directions, rows, units], { uniform: Math.sqrt(1 / units) }),
      parameter(`${name}.bias`, [directions, 2 * rows], 0),
    ],
    draws: [],
    append(b, x) {
      const byTime = b.node('Transpose', [x], { attributes: { perm: ints([1, 0, 2]) } })
      const [all = '', last = ''] = b.several(op, [byTime, ...names], { outputs: 2, attributes })
      return returnSequences ? everyStep(b, all, [steps, directions * units]) : lastStep(b, last, directions * units)
    },
  }
}

/** [steps, directions, batch, units] → [batch, steps, directions·units]. */
const everyStep = (b: GraphBuilder, y: string, output: readonly number[]): string =>
  b.node('Reshape', [b.node('Transpose', [y], { attributes: { perm: ints([2, 0, 1, 3]) } }), b.axes([0, ...output])])

/** [directions, batch, units] → [batch, directions·units]. */
const lastStep = (b: GraphBuilder, state: string, width: number): string =>
  b.node('Reshape', [b.node('Transpose', [state], { attributes: { perm: ints([1, 0, 2]) } }), b.axes([0, width])])
