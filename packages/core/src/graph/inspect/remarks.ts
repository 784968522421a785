/** What an exporter may have done to a model that its owner would rather know of before it is trained. */
import { sizeOf } from '../../weights.ts'
import { dataTypes } from '../onnx-types.ts'
import type { Remark } from './findings.ts'
import type { Survey, SurveyNode, SurveyTensor } from './survey.ts'

/** `weights` are what has been taken for weights; undefined where the model could not be imported. */
export function remarksOn(survey: Survey, weights: readonly string[] | undefined): readonly Remark[] {
  const { outputs, nodes, producer } = survey
  const folded = nodes.filter(isFolded).length
  const isFromPytorch = producer.startsWith('pytorch')
  return [
    ...merged(survey),
    ...(weights === undefined ? [] : madeUp(survey, new Set(weights))),
    ...(folded > 0 ? [{ kind: 'foldedNormalization' as const, count: folded }] : []),
    ...(isFromPytorch && !nodes.some(({ op }) => op === 'Dropout') ? [{ kind: 'noDropout' as const }] : []),
    ...(outputs.length > 1 ? [{ kind: 'outputs' as const, names: outputs.map(({ name }) => name) }] : []),
  ]
}

/** PyTorch's exporter notes in each node what its optimiser did. */
const isFolded = ({ op, rewritten }: SurveyNode): boolean =>
  op !== 'BatchNormalization' && rewritten.includes('FuseBatchNorm')

const isFloat = ({ type }: SurveyTensor): boolean => type === dataTypes.float32

/** Where a bias or a scale is used as one. */
const adding = new Set([
  ...['Conv', 'ConvTranspose', 'Gemm', 'Add', 'Mul'],
  ...['BatchNormalization', 'LayerNormalization', 'GroupNormalization', 'InstanceNormalization', 'RMSNormalization'],
])

/** Biases and scales that several places share: exporters write equal tensors once, and before training many are all ones or all zeros. */
function merged({ nodes, tensors }: Survey): readonly Remark[] {
  const places = new Map<string, number>()
  for (const { op, inputs } of nodes)
    if (adding.has(op)) for (const name of new Set(inputs)) places.set(name, (places.get(name) ?? 0) + 1)
  const usesOf = ({ name }: SurveyTensor): number => places.get(name) ?? 0
  const shared = tensors.filter(
    (tensor) =>
      isFloat(tensor) && tensor.name !== '' && tensor.shape.length === 1 && !isMadeUp(tensor) && usesOf(tensor) > 1,
  )
  const uses = shared.reduce((sum, tensor) => sum + usesOf(tensor), 0)
  return shared.length === 0 ? [] : [{ kind: 'merged', tensors: shared.map(({ name }) => name), uses }]
}

/** Names of values that PyTorch's exporter computed itself. */
const isMadeUp = ({ name }: SurveyTensor): boolean => /^val_\d+$/.test(name)

/** One value, or a shape: nobody takes them for weights. */
const isSmall = ({ shape }: SurveyTensor): boolean => sizeOf(shape) <= 1

function madeUp({ tensors }: Survey, weights: ReadonlySet<string>): readonly Remark[] {
  const own = tensors.filter((tensor) => isFloat(tensor) && isMadeUp(tensor) && !isSmall(tensor))
  const [learnt, constant] = [true, false].map((wanted) => own.filter(({ name }) => weights.has(name) === wanted))
  const names = (of: readonly SurveyTensor[] = []): readonly string[] => of.map(({ name }) => name)
  return [
    ...(constant?.length
      ? [
          {
            kind: 'madeUpConstants' as const,
            tensors: names(constant),
            values: constant.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
          },
        ]
      : []),
    ...(learnt?.length ? [{ kind: 'madeUpNames' as const, tensors: names(learnt) }] : []),
  ]
}
