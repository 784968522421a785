/** Whether a model can be trained: what stands in its way, the nearest way round, and what may not be what was meant. */
import type { Obstacle, Remark } from '../../graph/inspect/findings.ts'
import { printable } from './printable.ts'

type OfKind<T extends { kind: string }, K extends T['kind']> = Extract<T, { kind: K }>

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`)
const some = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`
const shapeText = (shape: readonly (number | string)[]): string => `[${shape.map(nameText).join(', ')}]`
/** Names out of a file, as far as a person wants to see them. */
const nameText = (name: string | number): string =>
  typeof name === 'string' && name.length > 60 ? `${name.slice(0, 60)}…` : String(name)
const listText = (names: readonly string[]): string =>
  names.length <= 4
    ? names.map(nameText).join(', ')
    : `${names.slice(0, 3).map(nameText).join(', ')} and ${names.length - 3} more`

/** What PyTorch is to be told, so that its parameters stay what they are. */
const pytorchExport =
  'torch.onnx.export(model, (x,), "model.onnx", dynamo=True, optimize=False, external_data=False, dynamic_shapes=({0: torch.export.Dim("batch")},))'

const unroll =
  'A model must be of fixed length: unroll the loop, or use an LSTM, GRU or RNN layer, which go through a sequence by themselves.'
const floatModel = 'Export the model as it was before it was quantised.'
const postprocessing = 'Leave it out of the file: train up to the scores, and work on them afterwards.'
const beforehand = 'Do it beforehand: let the data have what it makes.'
const masks = 'How much it makes depends on the values: use Where with a mask, which keeps the extents.'
const noRandomness = 'Dropout is the only randomness that training knows: leave other noise to the data.'
const onlyNetworks = 'Only what learns by gradients can be trained; trees, and pre-processing of texts, cannot.'

const waysRound: Readonly<Record<string, string>> = {
  Loop: unroll,
  Scan: unroll,
  If: 'Export the model with the branch that training takes, and no other.',
  NonZero: masks,
  Compress: masks,
  Unique: masks,
  NonMaxSuppression: postprocessing,
  TopK: postprocessing,
  RoiAlign: postprocessing,
  MaxRoiPool: postprocessing,
  QuantizeLinear: floatModel,
  DequantizeLinear: floatModel,
  DynamicQuantizeLinear: floatModel,
  QLinearConv: floatModel,
  QLinearMatMul: floatModel,
  ConvInteger: floatModel,
  MatMulInteger: floatModel,
  RandomNormal: noRandomness,
  RandomNormalLike: noRandomness,
  RandomUniform: noRandomness,
  RandomUniformLike: noRandomness,
  Bernoulli: noRandomness,
  Multinomial: noRandomness,
  STFT: beforehand,
  DFT: beforehand,
  MelWeightMatrix: beforehand,
  ImageDecoder: beforehand,
  GridSample: beforehand,
  AffineGrid: beforehand,
  Einsum: 'Write it as MatMul, Transpose and ReduceSum.',
  DeformConv: 'Use a plain convolution.',
  Attention: 'Export attention as MatMul and Softmax, with operator set 20.',
  RMSNormalization: 'Export it as Pow, ReduceMean, Sqrt and Div, with operator set 20.',
  RotaryEmbedding: 'Export it as Mul and Add, with operator set 20.',
}

function wayRound({ op, domain }: OfKind<Obstacle, 'operator'>): string {
  if (domain.startsWith('com.microsoft')) return "Export the model without ONNX Runtime's own optimisations."
  if (domain === 'ai.onnx.ml') return onlyNetworks
  if (/aten|torch/.test(domain)) return 'PyTorch had no translation for it: write it with other functions.'
  if (domain !== '') return "Only ONNX's own operators can be known to a site: write it with these."
  if (/^(Sequence|Optional|Concat.*Sequence|Split.*Sequence|ConcatFromSequence)/.test(op))
    return 'Use plain tensors: no lists of them, and none that may be missing.'
  if (/^(String|Regex|Tf[iI]df)/.test(op)) return onlyNetworks
  const known = Object.hasOwn(waysRound, op) ? waysRound[op] : undefined
  return known ?? 'docs/operators.md lists the operators that are known: write it with these.'
}

type Found = { readonly what: string; readonly way: string }

const obstacles: { readonly [K in Obstacle['kind']]: (found: OfKind<Obstacle, K>) => Found } = {
  operator: (found) => ({
    what: `The operator ${nameText(found.domain === '' ? found.op : `${found.domain}.${found.op}`)}, used ${times(found.count)}, is not known here.`,
    way: wayRound(found),
  }),
  use: ({ op, problem, count }) => ({
    what: `${nameText(op)} is used in a way that is not supported${count === 1 ? '' : ` (${times(count)})`}: ${problem}.`,
    way:
      op === 'BatchNormalization'
        ? 'If an exporter joined equal tensors, export with optimize=False, which keeps them apart.'
        : 'Export the model with everything but the batch fixed, or write this part in another way.',
  }),
  gradient: ({ op, count }) => ({
    what: `${nameText(op)}, used ${times(count)}, can be computed, but not differentiated: nothing before it would learn.`,
    way: 'Take another function that does the like, or use it only where nothing before it is learnt.',
  }),
  functions: ({ count }) => ({
    what: `The file defines ${some(count, 'function')} of its own.`,
    way: 'Have them written out: onnx.inliner.inline_local_functions does it.',
  }),
  external: ({ count }) => ({
    what: `${some(count, 'tensor')} of it ${count === 1 ? 'is' : 'are'} in another file.`,
    way: 'Write everything into one file: external_data=False in PyTorch, onnx.save_model(…, save_as_external_data=False).',
  }),
  sparse: ({ count }) => ({
    what: `${some(count, 'tensor')} of it ${count === 1 ? 'is' : 'are'} sparse.`,
    way: 'Write dense tensors.',
  }),
  type: ({ type, count }) => ({
    what: `${some(count, 'tensor')} of it ${count === 1 ? 'is' : 'are'} of type ${type}.`,
    way:
      type.includes('int4') || type.includes('float8') || type === 'int8'
        ? floatModel
        : 'Export in float32: model.float() in PyTorch.',
  }),
  opset: ({ opset, oldest, newest }) => ({
    what: `It is of operator set ${opset}; ${oldest} to ${newest} are understood.`,
    way: 'Export it with operator set 20.',
  }),
  inputs: ({ names }) => ({
    what:
      names.length === 0 ? 'It has no input.' : `It has ${names.length} inputs (${listText(names)}), and can have one.`,
    way:
      names.length === 0
        ? 'Export it with an example as its input.'
        : 'Join them into one, and let the model take it apart; what does not change belongs into the model.',
  }),
  inputType: ({ name, type }) => ({
    what: `Its input ${nameText(name)} is of type ${type}, and not float32.`,
    way: 'Let the model take float32, and cast inside it.',
  }),
  fixedBatch: ({ batch }) => ({
    what: `It was exported for ${batch === 1 ? 'one example' : `${batch} examples`} at a time.`,
    way: `Export it for a batch of any size: ${pytorchExport}`,
  }),
  openExtents: ({ name, shape }) => ({
    what: `Its input ${nameText(name)} is ${shapeText(shape)}: only the first extent, the batch, may be open.`,
    way: 'Export it for examples of one size; cut or fill up the data to it.',
  }),
  nothingLearnt: () => ({
    what: 'There is nothing in it to learn.',
    way: 'Export it with its parameters: in PyTorch not as constants (do_constant_folding=False, or optimize=False).',
  }),
  other: ({ problem }) => ({
    what: `It cannot be trained: ${problem}.`,
    way: `If it comes from PyTorch: ${pytorchExport}`,
  }),
}

const remarks: { readonly [K in Remark['kind']]: (found: OfKind<Remark, K>) => string } = {
  merged: ({ tensors, uses }) =>
    `${some(tensors.length, 'tensor')} (${listText(tensors)}) ${tensors.length === 1 ? 'is' : 'are'} used in ${uses} places. If an exporter joined equal tensors, these places now learn as one; export with optimize=False to keep them apart.`,
  madeUpConstants: ({ tensors, values }) =>
    `${some(tensors.length, 'tensor')} that the exporter computed (${listText(tensors)}; ${values} values) ${tensors.length === 1 ? 'is' : 'are'} taken for constants, and not learnt. Export with optimize=False to keep the parameters as they are.`,
  madeUpNames: ({ tensors }) =>
    `${some(tensors.length, 'weight')} ${tensors.length === 1 ? 'has a name' : 'have names'} that the exporter made up (${listText(tensors)}). Export with optimize=False to keep the names.`,
  foldedNormalization: ({ count }) =>
    `The exporter has worked batch normalisation into ${some(count, 'convolution')}: the model trains without it. Export with optimize=False to keep it.`,
  noDropout: () =>
    'There is no dropout in the file. If the model has some, export it after model.train(): model.eval() takes it out.',
  outputs: ({ names }) => `It has ${names.length} outputs (${listText(names)}); the first is trained.`,
}

export function obstacleWords(found: Obstacle): Found {
  const { what, way } = (obstacles[found.kind] as (one: Obstacle) => Found)(found)
  return { what: printable(what), way: printable(way) }
}

export const remarkWords = (found: Remark): string => printable((remarks[found.kind] as (one: Remark) => string)(found))
