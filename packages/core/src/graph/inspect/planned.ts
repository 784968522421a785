/** What a plan says of a model from a file, in figures: for whoever is to approve it, and cannot read a graph. */
import { plannedInputs } from '../../preparation/encoding.ts'
import type { OnnxSpec } from '../../study/model.ts'
import type { Study } from '../../study/study.ts'
import { decodeModel } from '../decode-model.ts'
import { networkOfBare, trialBatch } from '../import/network.ts'
import { plannedGraph } from '../import/planned.ts'
import type { Extents } from '../layers/layer.ts'
import { type Cost, studyCost } from './cost.ts'
import { counted, type OperatorCount } from './names.ts'
import { type Survey, surveyModel } from './survey.ts'
import { type Trace, tracer } from './trace.ts'

export type PlannedFacts = {
  readonly input: Extents
  readonly output: Extents
  /** Those of the file, most frequent first. */
  readonly operators: readonly OperatorCount[]
  /** Of a step as the study asks for it. */
  readonly cost: Cost
}

/** As if it were read from its file: what stands in a summary, and in a picture. */
export function tracedPlan({ graph }: OnnxSpec): { readonly trace: Trace; readonly survey: Survey } {
  const bytes = Uint8Array.fromBase64(graph)
  const { watch, trace } = tracer('features', trialBatch)
  networkOfBare(decodeModel(bytes), watch)
  return { trace: trace(), survey: surveyModel(bytes) }
}

/** undefined where the model is a list of layers, which says for itself what it is. */
export function plannedFacts({ model, training, data }: Study): PlannedFacts | undefined {
  if (!('onnx' in model)) return undefined
  const inputs = plannedInputs(data.columns)
  const { probe, cost } = studyCost({ model, training }, { inputs, batch: training.batch })
  const { input, output } = probe.network
  const operators = counted(plannedGraph(model.onnx).nodes)
  return { input, output, operators, cost }
}
