/**
 * A finished model as one ONNX file with its pre-processing inside, so that any ONNX Runtime gives the same probabilities from the values
 * as they stand in a table: fill what is missing, scale, encode, predict.
 */

import { classLabels } from '../preparation/encoding.ts'
import type { Levels } from '../preparation/images.ts'
import { type Preparation, type PreparedColumn, type PreparedImage, preparedInputs } from '../preparation/schema.ts'
import type { Scales } from '../preparation/transform.ts'
import type { Study } from '../study/study.ts'
import type { Weights } from '../weights.ts'
import { type GraphBuilder, graphBuilder } from './builder.ts'
import { encodeModel, type ModelPart, modelParts, modelSize } from './encode-model.ts'
import { type Graph, int } from './ir.ts'
import { appendActivation } from './layers/activation.ts'
import { networkOf, weightSpecs } from './network.ts'
import { appendLevels, appendScale } from './pixels.ts'
import { outputActivation } from './prediction.ts'

export type ExportOptions = {
  readonly study: Study
  readonly planHash: string
  readonly preparation: Preparation
  /** All weights, in model order. */
  readonly weights: Weights
  /** A hospital's own scales, where it normalises by itself; otherwise the federation's. */
  readonly scales?: Scales
}

/**
 * The bytes of a model. Inputs, one a column: numbers float32 [rows, 1] (NaN, or outside the study's range: missing), categories string
 * [rows, 1] (empty, or a code that the study does not list: missing), an image its levels uint8 [rows, channels, height, width]. Output `prediction` [rows, outputs], or `model/prediction` where a
 * column has that name. Metadata: study, planHash, question, and as JSON classes (a list), units (column → unit) and, of an image, images (column → size,
 * channels and fit).
 */
export function exportModel(options: ExportOptions): Uint8Array<ArrayBuffer> {
  return encodeModel(exportGraph(options), metadataOf(options))
}

/** The same file without its weights: each of them is a part, to be filled in while the file is written. `sizeBytes` is that of the whole. */
export function exportParts(options: Omit<ExportOptions, 'weights'>): {
  readonly parts: readonly ModelPart[]
  readonly sizeBytes: number
} {
  const specs = weightSpecs(options.study.model, preparedInputs(options.preparation))
  const graph = exportGraph({ ...options, weights: specs.map((spec) => ({ ...spec, data: new Float32Array() })) })
  const apart = new Set(specs.map(({ name }) => name))
  const parts = modelParts(graph, { metadata: metadataOf(options), apart })
  return { parts, sizeBytes: modelSize(graph, parts) }
}

function exportGraph({ study, preparation, weights, scales }: Omit<ExportOptions, 'planHash'>): Graph {
  // No column can have a / in its name: columns and the model's own values stay apart.
  const b = graphBuilder('model/')
  const parts = preparation.columns.map((column) => prepared(b, column, { study, scales }))
  const x = parts.length === 1 ? (parts[0] ?? '') : b.node('Concat', parts, { attributes: { axis: int(1) } })
  for (const { name, shape, data } of weights) b.initializer({ name, type: 'float32', shape, data })
  const logits = networkOf(study.model, preparedInputs(preparation)).append(b, x, {})
  const output = appendActivation(b, logits, outputActivation(study.training.loss))
  const name = preparation.columns.some((column) => column.name === 'prediction') ? 'model/prediction' : 'prediction'
  return b.build('wardround', [b.node('Identity', [output], { name })])
}

/** A column as the model takes it. */
function prepared(b: GraphBuilder, column: PreparedColumn, { study, scales }: Given): string {
  switch (column.type) {
    case 'number':
      return scaled(b, column, { ...(scales?.numbers[column.name] ?? column), range: rangeOf(study, column) })
    case 'category':
      return dummies(b, column)
    case 'image':
      return normalised(b, column, scales?.image ?? column)
  }
}
type Given = { readonly study: Study; readonly scales: Scales | undefined }

const metadataOf = ({ study, planHash }: Pick<ExportOptions, 'study' | 'planHash'>): Record<string, string> => ({
  study: study.name,
  planHash,
  question: study.question,
  classes: JSON.stringify(classLabels(study.data.target)),
  units: JSON.stringify(unitsOf(study)),
  ...imagesOf(study),
})

/** What images are brought to, for whoever has files of them. */
function imagesOf({ data }: Study): Record<string, string> {
  const images = Object.entries(data.columns).flatMap(([name, column]) =>
    column.type === 'image' ? [[name, { size: column.size, channels: column.channels, fit: column.fit }] as const] : [],
  )
  return images.length === 0 ? {} : { images: JSON.stringify(Object.fromEntries(images)) }
}

const unitsOf = ({ data }: Study): Record<string, string> =>
  Object.fromEntries(
    Object.entries(data.columns).flatMap(([name, column]) => (column.type === 'number' ? [[name, column.unit]] : [])),
  )

type NumberColumn = Extract<PreparedColumn, { type: 'number' }>
type CategoryColumn = Extract<PreparedColumn, { type: 'category' }>

const rangeOf = (study: Study, { name }: NumberColumn): readonly [number, number] => {
  const spec = study.data.columns[name]
  return spec?.type === 'number' ? spec.range : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
}

function scaled(
  b: GraphBuilder,
  { name, fill }: NumberColumn,
  {
    mean,
    standardDeviation,
    range: [low, high],
  }: { mean: number; standardDeviation: number; range: readonly [number, number] },
): string {
  const x = b.input({ name, type: 'float32', shape: ['rows', 1] })
  // NaN is on neither side of anything.
  const present = b.node('And', [
    b.node('GreaterOrEqual', [x, b.scalar(low)]),
    b.node('LessOrEqual', [x, b.scalar(high)]),
  ])
  const filled = b.node('Where', [present, x, b.scalar(fill)])
  return b.node('Div', [b.node('Sub', [filled, b.scalar(mean)]), b.scalar(standardDeviation)])
}

function normalised(b: GraphBuilder, { name, extents }: PreparedImage, { mean, standardDeviation }: Levels): string {
  const levels = b.input({ name, type: 'uint8', shape: ['rows', ...extents] })
  const values = (of: string, data: readonly number[]): string =>
    b.initializer({ name: `${name}/${of}`, type: 'float32', shape: [data.length, 1, 1], data: Float32Array.from(data) })
  const scale = { mean: values('mean', mean), deviation: values('deviation', standardDeviation) }
  return appendScale(b, appendLevels(b, levels), { scale })
}

/** [rows, codes − 1]: 1 under the record's code, nothing for the first; what is missing or unknown counts as the fill code. */
function dummies(b: GraphBuilder, { name, codes, fill }: CategoryColumn): string {
  const x = b.input({ name, type: 'string', shape: ['rows', 1] })
  const all = b.initializer({ name: `${name}/codes`, type: 'string', shape: [1, codes.length], data: [...codes] })
  const hits = b.node('Cast', [b.node('Equal', [x, all])], { attributes: { to: int(1) } })
  const unknown = b.node('Sub', [b.scalar(1), b.node('ReduceSum', [hits, b.axes([1])])])
  const filled = b.initializer({
    name: `${name}/fill`,
    type: 'float32',
    shape: [1, codes.length],
    data: Float32Array.from(codes, (code) => (code === fill ? 1 : 0)),
  })
  const shares = b.node('Add', [hits, b.node('Mul', [unknown, filled])])
  const rest = b.initializer({
    name: `${name}/rest`,
    type: 'int64',
    shape: [codes.length - 1],
    data: BigInt64Array.from({ length: codes.length - 1 }, (_, index) => BigInt(index + 1)),
  })
  return b.node('Gather', [shares, rest], { attributes: { axis: int(1) } })
}
