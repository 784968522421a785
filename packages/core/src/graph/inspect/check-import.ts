/** Whether a site would train the model in a file: like importModel(), but everything that stands in the way is told, and not the first thing alone. */
import { decodeModel } from '../decode-model.ts'
import { type ImportedModel, importModel, trialBatch } from '../import/network.ts'
import { specialNodes } from '../import/special.ts'
import { newestOpset, oldestOpset } from '../import/upgrade.ts'
import { dataTypes } from '../onnx-types.ts'
import { shapedOperators } from '../shapes/registry.ts'
import type { Obstacle, Remark } from './findings.ts'
import { obstaclesToGradients, problemOf } from './gradients.ts'
import { counted, type OperatorCount, typeName } from './names.ts'
import { remarksOn } from './remarks.ts'
import { type Survey, type SurveyValue, surveyModel } from './survey.ts'
import { type Trace, tracer } from './trace.ts'

export type ImportCheck = {
  readonly survey: Survey
  /** Most frequent first. */
  readonly operators: readonly OperatorCount[]
  /** None: a site would train it. */
  readonly obstacles: readonly Obstacle[]
  /** Whether there may be more than these, because they kept the rest from being looked at. */
  readonly isCutShort: boolean
  readonly remarks: readonly Remark[]
  readonly trace: Trace
  /** Where nothing stands in the way. */
  readonly model?: ImportedModel
}

/** Errors: WR_GRAPH_INVALID for what is no model at all. */
export function checkImport(bytes: Uint8Array): ImportCheck {
  const survey = surveyModel(bytes)
  const found = [...obstaclesInFile(survey), ...unknownOperators(survey)]
  const tried = tryModel(bytes, found)
  const obstacles = [...found, ...tried.obstacles]
  const { model } = tried
  return {
    survey,
    operators: counted(survey.nodes),
    obstacles,
    isCutShort: obstacles.length > 0 && tried.isCutShort,
    remarks: remarksOn(
      survey,
      model?.network.weights.map(({ name }) => name),
    ),
    trace: tried.trace,
    ...(obstacles.length === 0 && model !== undefined ? { model } : {}),
  }
}

type Tried = {
  readonly obstacles: readonly Obstacle[]
  readonly isCutShort: boolean
  readonly trace: Trace
  readonly model?: ImportedModel
}

/** Imports it as far as that goes. What `found` says already is not said again. */
function tryModel(bytes: Uint8Array, found: readonly Obstacle[]): Tried {
  const { watch, trace } = tracer('features', trialBatch)
  try {
    const model = importModel(decodeModel(bytes), watch)
    return { obstacles: obstaclesToGradients(model.network), isCutShort: false, trace: trace(), model }
  } catch (error) {
    const failures = uses(trace(), found)
    const isTold = found.length > 0 || failures.length > 0
    return { obstacles: isTold ? failures : [other(error)], isCutShort: true, trace: trace() }
  }
}

const other = (error: unknown): Obstacle => ({ kind: 'other', problem: problemOf(error) })

/** What operators that are known were asked for in vain. */
function uses({ failures }: Trace, found: readonly Obstacle[]): readonly Obstacle[] {
  const told = new Set(found.flatMap((obstacle) => (obstacle.kind === 'operator' ? [obstacle.op] : [])))
  const problems = failures
    .filter(({ op }) => !told.has(op))
    .map(({ op, error }) => ({ op, problem: problemOf(error) }))
  return [...Map.groupBy(problems, ({ op, problem }) => `${op} ${problem}`).values()].flatMap((same) =>
    same.slice(0, 1).map(({ op, problem }) => ({ kind: 'use' as const, op, problem, count: same.length })),
  )
}

/** An If may be taken apart when the model is tried; loops never. */
const loops = new Set(['Loop', 'Scan'])
const isKnown = ({ op, domain }: OperatorCount): boolean =>
  domain === '' && !loops.has(op) && (Object.hasOwn(specialNodes, op) || shapedOperators.has(op))

const unknownOperators = ({ nodes }: Survey): readonly Obstacle[] =>
  counted(nodes)
    .filter((operator) => !isKnown(operator))
    .map((operator) => ({ kind: 'operator', ...operator }))

function obstaclesInFile(survey: Survey): readonly Obstacle[] {
  const { functions, sparse, tensors, opset } = survey
  const elsewhere = tensors.filter(({ isElsewhere }) => isElsewhere).length
  const types = Map.groupBy(
    tensors.filter(({ type }) => !readable.has(type)),
    ({ type }) => type,
  )
  return [
    ...(opset < oldestOpset || opset > newestOpset
      ? [{ kind: 'opset' as const, opset, oldest: oldestOpset, newest: newestOpset }]
      : []),
    ...(functions > 0 ? [{ kind: 'functions' as const, count: functions }] : []),
    ...(elsewhere > 0 ? [{ kind: 'external' as const, count: elsewhere }] : []),
    ...(sparse > 0 ? [{ kind: 'sparse' as const, count: sparse }] : []),
    ...[...types].map(([type, same]) => ({ kind: 'type' as const, type: typeName(type), count: same.length })),
    ...obstaclesInInputs(survey),
  ]
}

const readable: ReadonlySet<number> = new Set(Object.values(dataTypes))

function obstaclesInInputs({ inputs, tensors }: Survey): readonly Obstacle[] {
  const given = new Set(tensors.map(({ name }) => name))
  const wanted = inputs.filter(({ name }) => !given.has(name))
  const [input] = wanted
  if (input === undefined || wanted.length > 1) return [{ kind: 'inputs', names: wanted.map(({ name }) => name) }]
  return [...typeOf(input), ...extentsOf(input)]
}

const typeOf = ({ name, type }: SurveyValue): readonly Obstacle[] =>
  type === dataTypes.float32 ? [] : [{ kind: 'inputType', name, type: typeName(type) }]

function extentsOf({ name, shape }: SurveyValue): readonly Obstacle[] {
  const [batch, ...extents] = shape
  return [
    ...(typeof batch === 'number' ? [{ kind: 'fixedBatch' as const, batch }] : []),
    ...(extents.some((extent) => typeof extent === 'string') ? [{ kind: 'openExtents' as const, name, shape }] : []),
  ]
}
