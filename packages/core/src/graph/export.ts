/**
 * A finished model as one ONNX file with its pre-processing inside, so that any ONNX Runtime gives the same probabilities from the values
 * as they stand in a table: fill what is missing, scale, encode, predict.
 */

import { classLabels } from '../preparation/encoding.ts'
import type { Levels } from '../preparation/images.ts'
import { type Preparation, type PreparedColumn, type PreparedImage, preparedInputs } from '../preparation/schema.ts'
import type { Scales } from '../preparation/transform.ts'
import type { Loss } from '../study/loss.ts'
import type { ImportedModel } from '../study/model.ts'
import type { Study, TargetSpec } from '../study/study.ts'
import type { TensorSpec, Weights } from '../weights.ts'
import { type GraphBuilder, graphBuilder } from './builder.ts'
import { encodeModel, type ModelPart, modelParts, modelSize } from './encode-model.ts'
import { plannedForm } from './import/planned.ts'
import { type Graph, int, type Node } from './ir.ts'
import { type Inputs, networkOf, weightSpecs } from './network.ts'
import { appendLevels, appendScale } from './pixels.ts'
import { appendOutputs, outputActivation } from './prediction.ts'

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
 * channels and fit), and of a model that marks images mask (level → what it means): its outputs are then [rows, labels, height, width], or of two labels one.
 */
export function exportModel(options: ExportOptions): Uint8Array<ArrayBuffer> {
  return encodeModel(exportGraph(options), metadataOf(options))
}

export type Parts = { readonly parts: readonly ModelPart[]; readonly sizeBytes: number }

/** The same file without its weights: each of them is a part, to be filled in while the file is written. `sizeBytes` is that of the whole. */
export function exportParts(options: Omit<ExportOptions, 'weights'>): Parts {
  const specs = weightSpecs(options.study.model, preparedInputs(options.preparation))
  const graph = exportGraph({ ...options, weights: specs.map(unfilled) })
  return partsOf(graph, specs, metadataOf(options))
}

/** To be filled in while the file is written. */
const unfilled = (spec: TensorSpec) => ({ ...spec, data: new Float32Array() })

function partsOf(graph: Graph, specs: readonly TensorSpec[], metadata: Readonly<Record<string, string>>): Parts {
  const parts = modelParts(graph, { metadata, apart: new Set(specs.map(({ name }) => name)) })
  return { parts, sizeBytes: modelSize(graph, parts) }
}

/** The file that a study names, as it predicts, from inputs as the study makes them; its weights are parts. Metadata: those of exportModel(), and the preparation. */
export function networkParts(model: ImportedModel, options: Omit<ExportOptions, 'weights'>): Parts {
  const { input, output, weights } = networkOf(model, [])
  const file = plannedForm(model.onnx)
  const made = [...file.nodes.flatMap(({ outputs }) => outputs), ...file.initializers.map((tensor) => tensor.name)]
  const taken = new Set([file.input, ...made])
  const name = taken.has('prediction') ? 'model/prediction' : 'prediction'
  const graph: Graph = {
    name: 'wardround',
    inputs: [{ name: file.input, type: 'float32', shape: ['rows', ...input] }],
    outputs: [{ name, type: 'float32', shape: ['rows', ...output] }],
    initializers: [...file.initializers, ...weights.map((spec) => ({ ...unfilled(spec), type: 'float32' as const }))],
    nodes: [...file.nodes, endOf(file.output, { loss: options.study.training.loss, output, name })],
  }
  return partsOf(graph, weights, { ...metadataOf(options), preparation: JSON.stringify(options.preparation) })
}

/** As appendOutputs(), behind nodes of a file. */
function endOf(logits: string, { loss, output, name }: Pick<End, 'loss' | 'output' | 'name'>): Node {
  const activation = outputActivation(loss, output[0] ?? 1)
  return {
    op: activation === 'sigmoid' ? 'Sigmoid' : activation === 'softmax' ? 'Softmax' : 'Identity',
    domain: '',
    inputs: [logits],
    outputs: [name],
    attributes: activation === 'softmax' && output.length > 1 ? { axis: int(1) } : {},
  }
}
type End = { readonly loss: Loss; readonly output: readonly number[]; readonly name: string }

function exportGraph({ study, preparation, weights, scales }: Omit<ExportOptions, 'planHash'>): Graph {
  // No column can have a / in its name: columns and the model's own values stay apart.
  const b = graphBuilder('model/')
  const parts = preparation.columns.map((column) => prepared(b, column, { study, scales }))
  const x = parts.length === 1 ? (parts[0] ?? '') : b.node('Concat', parts, { attributes: { axis: int(1) } })
  for (const { name, shape, data } of weights) b.initializer({ name, type: 'float32', shape, data })
  const name = preparation.columns.some((column) => column.name === 'prediction') ? 'model/prediction' : 'prediction'
  return finished(b, x, { study, inputs: preparedInputs(preparation), name })
}

/** From the inputs of the network, `x`, to what it predicts. */
function finished(
  b: GraphBuilder,
  x: string,
  { study: { model, training }, inputs, name }: { study: Study; inputs: Inputs; name: string },
): Graph {
  const { loss } = training
  if ('onnx' in model) return throughFile(b, x, { model, loss, name })
  const output = appendOutputs(b, networkOf(model, inputs).append(b, x, {}), loss)
  return b.build('wardround', [b.node('Identity', [output], { name })])
}

/** The nodes of a file are not ours to look through for any number of rows: they stand behind ours as they are. */
function throughFile(
  b: GraphBuilder,
  x: string,
  { model, loss, name }: { readonly model: ImportedModel; readonly loss: Loss; readonly name: string },
): Graph {
  const { output: made, weights } = networkOf(model, [])
  const before = b.build('wardround', [x, ...weights.map((weight) => weight.name)])
  const file = plannedForm(model.onnx, { input: x, prefix: 'network/', loosened: true })
  return {
    ...before,
    outputs: [{ name, type: 'float32', shape: ['rows', ...made] }],
    initializers: [...before.initializers, ...file.initializers],
    nodes: [...before.nodes, ...file.nodes, endOf(file.output, { loss, output: made, name })],
  }
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
  classes: JSON.stringify(classesOf(study.data.target)),
  units: JSON.stringify(unitsOf(study)),
  ...imagesOf(study),
  ...('mask' in study.data.target ? { mask: JSON.stringify(study.data.target.mask) } : {}),
})

/** What a record has probabilities of: not of how soon something happens, nor of where something is. */
const classesOf = (target: TargetSpec): readonly string[] =>
  'time' in target || 'mask' in target ? [] : classLabels(target)

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
