/** What is refused of indices, normalisations and recurrent layers. */
import type { ErrorCode } from '../../../errors.ts'
import { toTensor } from '../../interpreter/values.ts'
import { int, type Node, type Shape, text, texts } from '../../ir.ts'
import { int64 } from '../draws.ts'
import {
  computed,
  files,
  floats,
  type Given,
  INVALID,
  matrix,
  number,
  REFUSED,
  type Row,
  type Rows,
  type Use,
  uses,
} from './row.ts'

const put: Rows = {
  reduction: (op) => {
    const inputs = op === 'ScatterND' ? [matrix, int64([1]), [3] as Shape] : [[3], { computed: [2] }, [2]]
    const named = (how: string): Partial<Use> => ({ attributes: { reduction: text(how) } })
    return uses(REFUSED, { inputs, ...named('add') } as Use, ...['mul', 'max', 'min'].map(named))(op)
  },
}
export const indexingRestrictions: Readonly<Record<string, Rows>> = {
  GatherND: {
    batches: uses(REFUSED, { inputs: [matrix, { computed: [2, 1] }] }, { attributes: { batch_dims: int(1) } }),
  },
  OneHot: {
    depth: uses(
      INVALID,
      { inputs: [{ computed: [2] }, int64([3]), floats(0, 1)] },
      { inputs: [{ computed: [2] }, computed, floats(0, 1)] },
      { inputs: [{ computed: [2] }, floats(3), floats(0, 1)] },
    ),
    scalar: uses(
      INVALID,
      { inputs: [{ computed: [1] }, int64([3]), floats(0, 1)] },
      { inputs: [{ computed: [] }, int64([3]), floats(0, 1)] },
    ),
  },
  ScatterElements: put,
  ScatterND: put,
}

const layer = { inputs: [[2, 3, 4], [4], [4]] as readonly Shape[] }
const grouped = { inputs: [[2, 4, 3], [4], [4]] as readonly Shape[], attributes: { num_groups: int(2) } }
const dropped = (node: Partial<Node>): Partial<Node> => ({ op: 'Dropout', inputs: ['x', 'ratio'], ...node })
const half = toTensor('ratio', number(0.5))
export const normalizationRestrictions: Readonly<Record<string, Rows>> = {
  BatchNormalization: {
    outputs: uses(
      INVALID,
      { inputs: [[2, 3], [3], [3], [3], [3]], attributes: { training_mode: int(1) }, outputs: 3 },
      { outputs: 1 },
      { outputs: 2 },
    ),
  },
  Dropout: {
    mask: files(
      REFUSED,
      () => ({ nodes: [dropped({})], initializers: [half] }),
      () => ({ nodes: [dropped({ outputs: ['y', 'mask'] })], initializers: [half] }),
    ),
    ratio: files(
      REFUSED,
      () => ({ nodes: [dropped({})], initializers: [half] }),
      () => ({ nodes: [{ op: 'ReduceSum', outputs: ['ratio'], attributes: { keepdims: int(0) } }, dropped({})] }),
    ),
  },
  GroupNormalization: {
    stash: uses(INVALID, grouped, { attributes: { stash_type: int(11) } }),
    perGroup: uses(INVALID, grouped, { inputs: [[2, 4, 3], [2], [2]] }),
  },
  LayerNormalization: {
    stash: uses(INVALID, layer, { attributes: { stash_type: int(11) } }),
    trainedScale: uses(REFUSED, { ...layer, trained: 0 }, { inputs: [[2, 3, 4], [1], [4]] }),
    trainedStatistics: uses(REFUSED, { ...layer, outputs: 3, trained: 0 }, { trained: 1 }, { trained: 2 }),
  },
}

const gates: Readonly<Record<string, number>> = { RNN: 1, GRU: 3, LSTM: 4 }
/** `change` of a layer that has these attributes already. */
const recurrentUse =
  (code: ErrorCode, change: (inputs: readonly Given[]) => Partial<Use>, attributes: Use['attributes'] = {}) =>
  (op: string): Row => {
    const count = gates[op] ?? 0
    const inputs: readonly Shape[] = [
      [3, 2, 2],
      [1, 2 * count, 2],
      [1, 2 * count, 2],
    ]
    return uses(code, { inputs, attributes: { hidden_size: int(2), ...attributes } }, change(inputs))(op)
  }
const shared: Rows = {
  activations: (op) => {
    const own = op === 'RNN' ? ['Tanh'] : op === 'GRU' ? ['Sigmoid', 'Tanh'] : ['Sigmoid', 'Tanh', 'Tanh']
    const other = { attributes: { activations: texts(own.with(-1, 'Relu')) } }
    return recurrentUse(REFUSED, () => other, { activations: texts(own) })(op)
  },
  parameters: recurrentUse(REFUSED, () => ({ attributes: { activation_alpha: { kind: 'floats', value: [0.5] } } })),
  clip: recurrentUse(REFUSED, () => ({ attributes: { clip: int(1) } })),
  layout: recurrentUse(REFUSED, () => ({ attributes: { layout: int(1) } })),
  lengths: recurrentUse(REFUSED, (inputs) => ({ inputs: [...inputs, undefined, { computed: [2] }] })),
  width: recurrentUse(INVALID, () => ({ attributes: { hidden_size: int(0) } })),
}

export const recurrentRestrictions: Readonly<Record<string, Rows>> = {
  RNN: shared,
  GRU: shared,
  LSTM: {
    ...shared,
    peepholes: recurrentUse(REFUSED, (inputs) => ({
      inputs: [...inputs, undefined, undefined, undefined, undefined, [1, 6]],
    })),
    coupled: recurrentUse(REFUSED, () => ({ attributes: { input_forget: int(1) } })),
  },
}
