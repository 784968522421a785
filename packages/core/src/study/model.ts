/** The model part of a study: a list of layers, named as Keras names them, or an ONNX file. Data, never code. */
import { z } from 'zod'
import { augmentSchema } from './augment.ts'
import { layerSchema, loraSchema } from './layers.ts'
import { lossSchema } from './loss.ts'
import { longestGraph } from './model-forms.ts'
import { optimizerSchema } from './optimizer.ts'
import { scheduleSchema } from './schedule.ts'

const largestFloat32 = (2 - 2 ** -23) * 2 ** 127

const whereverGiven = {
  /** Weights that never leave a site, by tensor name (`output.bias`). */
  personal: z.array(z.string()).default([]),
  /** Weights that stay as they start, everywhere, by tensor name; a last `*` stands for the rest of a name. Nothing of them travels. */
  frozen: z.array(z.string().min(1)).optional(),
}

const layersSchema = z.strictObject({
  layers: z.array(layerSchema).min(1).max(64),
  ...whereverGiven,
  /** First values of weights, by tensor name, row by row; what is not named is drawn. Within what a Float32 can hold. */
  start: z.record(z.string(), z.array(z.number().min(-largestFloat32).max(largestFloat32))).optional(),
})
export type LayersModel = z.output<typeof layersSchema>

/** What a plan says of a file that a study names (graph/import/planned.ts). */
const onnxSchema = z.strictObject({
  /** The file without the values of its weights, in base64. */
  graph: z.string().max(longestGraph),
  /** Their first values: a file of their own, by its digest. */
  weights: z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), sizeBytes: z.int().min(1) }),
})
export type OnnxSpec = z.output<typeof onnxSchema>

/** What a study says beside a file, and a plan no more: it is in the graph (graph/import/adapters.ts). */
export const fileLoraSchema = loraSchema.extend({
  /** Weights of matrix products and convolutions, by tensor name; a last `*` stands for the rest of a name. */
  weights: z.array(z.string().min(1)).min(1),
})
export type FileLora = z.output<typeof fileLoraSchema>

const importedSchema = z.strictObject({ onnx: onnxSchema, ...whereverGiven })
export type ImportedModel = z.output<typeof importedSchema>

export const modelSchema = z.union([layersSchema, importedSchema])
export type ModelSpec = z.output<typeof modelSchema>

/** What keeps a step's gradients from being too large: their norm over all weights, or each value. */
const clipSchema = z.union([
  z.strictObject({ norm: z.number().positive().max(1e6) }),
  z.strictObject({ value: z.number().positive().max(1e6) }),
])
export type ClipSpec = z.output<typeof clipSchema>

export const trainingSchema = z.strictObject({
  loss: lossSchema,
  optimizer: optimizerSchema,
  /** How the rate changes from round to round, or within each. Absent: it does not. */
  schedule: scheduleSchema.optional(),
  /** At most so long, or so large each, are the gradients of a step, penalties and corrections with them. */
  clipGradients: clipSchema.optional(),
  /** How images are changed by chance, each time they are trained on. */
  augment: augmentSchema.optional(),
  /** Examples in one step. With `epochs`, the last batch of each is filled up from the start of the same shuffle. */
  batch: z.int().min(1).max(65_536),
  /** Examples that are worked on by themselves, where a batch does not fit into memory or several cores are to share it: the gradients of its parts are summed before the optimizer's step. */
  microbatch: z.int().min(1).max(65_536).optional(),
  /** Passes over a site's training records in one round. A study has either these or `steps` (plan.ts). */
  epochs: z.int().min(1).max(1000).optional(),
  /** Batches in one round, however many records a site has. */
  steps: z.int().min(1).max(100_000).optional(),
  /** λ of λ/2·‖kernels‖²; biases are not penalised. */
  l2: z.number().min(0).default(0),
  /** `balanced`: each class weighs n / (classes · n_class) at each site; or a weight for each class label. */
  classWeights: z.union([z.literal('balanced'), z.record(z.string(), z.number().positive())]).optional(),
})
export type TrainingSpec = z.output<typeof trainingSchema>
