/** The two forms of a model in a study. By themselves: a trainer's process knows nothing of schemas. */
import type { LayerSpec } from './layers.ts'
import type { LayersModel, ModelSpec } from './model.ts'

/** Of the graph in a plan, in base64: everybody reads it, and it has no weights. */
export const longestGraph = 1_400_000

/** None of a model from a file. */
export const layersIn = (model: ModelSpec): readonly LayerSpec[] => ('layers' in model ? model.layers : [])
/** What the study itself says of first values. */
export const startIn = (model: ModelSpec): NonNullable<LayersModel['start']> =>
  'layers' in model ? (model.start ?? {}) : {}
/** First values are of no use to a graph, and may be many. */
export function withoutStart(model: ModelSpec): ModelSpec {
  if ('onnx' in model) return model
  const { start: _, ...rest } = model
  return rest
}
