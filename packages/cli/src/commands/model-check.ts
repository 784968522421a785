/** `wardround model check FILE`: whether a model can be trained, what it costs, and what stands in its way. */
import { basename } from 'node:path'
import type { ImportCheck } from '@wardround/core/graph/inspect/check-import.ts'
import { type Cost, costOf, studyCost } from '@wardround/core/graph/inspect/cost.ts'
import { counted } from '@wardround/core/graph/inspect/names.ts'
import { probeStep } from '@wardround/core/graph/inspect/probe-step.ts'
import { type OptimizerSpec, optimizerName, optimizerSchema } from '@wardround/core/study/optimizer.ts'
import { modelCheckWords } from '@wardround/core/words/en/model.ts'
import { obstacleWords, remarkWords } from '@wardround/core/words/en/model-check.ts'
import { usageWords } from '@wardround/core/words/en/usage.ts'
import { type ModelFile, openModelFile } from '../model-file.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import type { Runtime } from '../runtime.ts'
import { usageOf } from '../usage.ts'

type Options = CommonOptions & { batch?: string }
type Typed = { readonly args: readonly string[]; readonly options: Options }

/** Exit code 1: it can be read, and not be trained. Errors: those of openModelFile(); WR_USAGE. */
export async function modelCheck(_: Runtime, { args: [path = ''], options }: Typed): Promise<Outcome> {
  const batch = batchOf(options.batch)
  const file = openModelFile(path)
  return file.kind === 'study' ? checkedStudy(path, file, batch) : checkedFile(path, file.check, batch ?? usualBatch)
}

const usualBatch = 32

/** Errors: WR_USAGE. */
function batchOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const batch = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : Number.NaN
  if (!(batch <= 65_536)) throw usageOf('model check')(usageWords.noBatch(text))
  return batch
}

function checkedStudy(
  path: string,
  { study, inputs }: Extract<ModelFile, { kind: 'study' }>,
  batch = study.training.batch,
): Outcome {
  const { probe, cost } = studyCost(study, { inputs, batch })
  const operators = counted(probe.forward.graph.nodes)
  return {
    data: { trainable: true, operators, obstacles: [], cutShort: false, remarks: [], cost },
    lines: [
      modelCheckWords.trainable(basename(path)),
      modelCheckWords.operators(operators),
      ...costLines(cost, study.training.optimizer),
    ],
  }
}

/** A file says nothing of how it is to be trained: the costliest of the usual optimizers is supposed. */
const usualOptimizer = optimizerSchema.parse({ adam: { rate: 0.001 } })

function checkedFile(path: string, check: ImportCheck, batch: number): Outcome {
  const { survey, operators, model, isCutShort } = check
  const cost = model === undefined ? null : costOf(probeStep(model.network, { batch, optimizer: usualOptimizer }))
  const obstacles = check.obstacles.map((found) => ({ ...found, ...obstacleWords(found) }))
  const remarks = check.remarks.map((found) => ({ ...found, what: remarkWords(found) }))
  const trainable = obstacles.length === 0
  const name = basename(path)
  return {
    data: {
      trainable,
      producer: survey.producer,
      opset: survey.opset,
      operators,
      obstacles,
      cutShort: isCutShort,
      remarks,
      cost,
    },
    lines: [
      trainable ? modelCheckWords.trainable(name) : modelCheckWords.notTrainable(name),
      modelCheckWords.origin(survey.producer, survey.opset),
      modelCheckWords.operators(operators),
      ...(cost === null ? [] : costLines(cost, usualOptimizer)),
      ...(trainable ? [] : [modelCheckWords.obstaclesHeading(), ...obstacles.flatMap(modelCheckWords.obstacle)]),
      ...(isCutShort ? [modelCheckWords.cutShort()] : []),
      ...(remarks.length === 0 ? [] : [modelCheckWords.remarksHeading(), ...remarks.map(({ what }) => `  - ${what}`)]),
    ],
    exitCode: trainable ? 0 : 1,
  }
}

const costLines = (cost: Cost, optimizer: OptimizerSpec): readonly string[] => [
  modelCheckWords.parameters(cost),
  modelCheckWords.round(cost),
  modelCheckWords.step(cost),
  modelCheckWords.memory(cost, optimizerName(optimizer)),
]
