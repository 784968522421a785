/** Reads and checks a study: from YAML with line and field in every message, or from JSON that came over the wire. */
import { isMap, isScalar, LineCounter, parseDocument, type Node as YamlNode } from 'yaml'
import { WardroundError } from '../errors.ts'
import { checkModel, modelField } from '../graph/check-model.ts'
import { comparedBatch } from '../graph/losses/cox.ts'
import { type Inputs, networkOf } from '../graph/network.ts'
import { partedStep } from '../graph/parted-step.ts'
import { flawIn } from '../json.ts'
import { imageColumn, plannedInputs, specialColumns, targetColumns } from '../preparation/encoding.ts'
import { metricsOf, stopMetricsOf, unfitMetrics } from '../study/metrics.ts'
import { isMeasuredLoss, lossesFor, lossName, type Outcome, outcomeOf } from '../study/outcome.ts'
import { type Study, studySchema, type TargetSpec } from '../study/study.ts'
import { problemWords } from '../words/en/study.ts'
import { planHash } from './canonical.ts'
import { type Issue, schemaIssues } from './plan-issues.ts'
import { isPlainDescent, warningsFor } from './plan-warnings.ts'
import { withModelFile } from './study-model.ts'

export type ParsedStudy = {
  readonly study: Study
  /** Plain JSON data with defaults filled in: what is hashed, approved and sent. */
  readonly plan: Record<string, unknown>
  readonly planHash: string
  /** What is allowed but unwise. */
  readonly warnings: readonly string[]
}

/** A larger document is not a study. */
const sizeLimit = 256 * 1024

/** A study as a person wrote it down. */
export type WrittenStudy = ParsedStudy & {
  /** Where its model comes from a file: the first weights, as safetensors, which go to the coordinator beside the plan. */
  readonly firstWeights?: Uint8Array<ArrayBuffer>
}

/** The content of a file that a study names. */
export type ReadFile = (path: string) => Uint8Array

/** Errors: WR_STUDY_SYNTAX, WR_STUDY_INVALID, each with the file, line and field; those of `readFile`. */
export function parseStudy(source: string, file = 'study.yaml', readFile?: ReadFile): WrittenStudy {
  if (source.length > sizeLimit)
    throw new WardroundError('WR_STUDY_SYNTAX', { file, line: 0, problem: problemWords.tooLarge(sizeLimit) })
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, stringKeys: true, version: '1.2' })
  // A tag or a directive that means nothing here is a mistake too, and never left out in silence.
  const [broken] = [...document.errors, ...document.warnings]
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0])
    throw new WardroundError('WR_STUDY_SYNTAX', { file, line, column: col, problem: broken.message })
  }
  const { data, firstWeights, issue } = withModelFile(plainData(document, file), readFile)
  const issues = issue === undefined ? issuesOf(data) : [issue]
  if (issues.length > 0) {
    const placed = issues
      .map((issue) => ({ ...issue, ...placeOf(document.contents, issue.path, lines) }))
      .toSorted((a, b) => a.line - b.line)
    throw invalid(placed, file)
  }
  return { ...validatePlan(data), ...(firstWeights === undefined ? {} : { firstWeights }) }
}

/** The same for JSON data; there are no lines to name. Errors: WR_STUDY_INVALID. */
export function validatePlan(data: unknown): ParsedStudy {
  const issues = issuesOf(data)
  if (issues.length > 0)
    throw invalid(
      issues.map((issue) => ({ ...issue, line: 0, column: 0 })),
      'the plan',
    )
  const study = studySchema.parse(data)
  const plan = JSON.parse(JSON.stringify(study)) as Record<string, unknown>
  return { study, plan, planHash: planHash(plan), warnings: warningsFor(study) }
}

/** What readPlan() has read lately: the same text has the same meaning, and every task asks for its study's. */
const recent = new Map<string, ParsedStudy>()
const recentLimit = 20

/** validatePlan() of a plan's JSON text. Errors: WR_STUDY_INVALID, WR_STUDY_SYNTAX. */
export function readPlan(text: string): ParsedStudy {
  const known = recent.get(text)
  if (known !== undefined) return known
  const parsed = validatePlan(jsonOf(text))
  if (recent.size >= recentLimit) recent.clear()
  recent.set(text, parsed)
  return parsed
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new WardroundError('WR_STUDY_SYNTAX', { line: 0, problem: problemWords.notJson() }, { cause: error })
  }
}

type Placed = Issue & { readonly line: number; readonly column: number }

function invalid(issues: readonly Placed[], file: string): WardroundError {
  const [first] = issues
  return new WardroundError('WR_STUDY_INVALID', {
    file,
    line: first?.line ?? 0,
    column: first?.column ?? 0,
    field: fieldOf(first?.path ?? []),
    problem: first?.problem ?? '',
    issues: issues.map(({ path, problem, line }) => problemWords.issue({ line, field: fieldOf(path), problem })),
  })
}

const fieldOf = (path: readonly PropertyKey[]): string => path.map(String).join('.')

/** Aliases are refused rather than expanded: a study needs none, and a small one can expand without end. */
function plainData(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 })
  } catch (error) {
    throw new WardroundError('WR_STUDY_SYNTAX', { file, line: 0, problem: problemWords.aliases() }, { cause: error })
  }
}

/** Where a field stands; for a missing or unknown one, where its parent does. */
function placeOf(
  root: YamlNode | null,
  path: readonly PropertyKey[],
  lines: LineCounter,
): { line: number; column: number } {
  let node: unknown = root
  let offset = root?.range?.[0] ?? 0
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
      if (pair === undefined) break
      offset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? offset
      node = pair.value
    } else if (
      typeof key === 'number' &&
      node !== null &&
      typeof node === 'object' &&
      'items' in node &&
      Array.isArray(node.items)
    ) {
      node = node.items[key]
      offset = rangeStart(node) ?? offset
    } else break
  }
  const { line, col } = lines.linePos(offset)
  return { line, column: col }
}

const rangeStart = (node: unknown): number | undefined =>
  node !== null && typeof node === 'object' && 'range' in node && Array.isArray(node.range)
    ? Number(node.range[0])
    : undefined

function issuesOf(data: unknown): readonly Issue[] {
  const issues = schemaIssues(data)
  if (issues.length > 0) return issues
  const flaw = flawIn(data)
  return flaw === undefined
    ? crossIssues(studySchema.parse(data))
    : [{ path: flaw, problem: problemWords.brokenText() }]
}

/** Rules between fields. The model is looked at where all else is right. */
function crossIssues(study: Study): readonly Issue[] {
  const issues = [
    ...dataIssues(study),
    ...survivalIssues(study),
    ...maskIssues(study),
    ...trainingIssues(study),
    ...strategyIssues(study),
  ]
  return issues.length > 0 ? issues : modelIssues(study)
}

type Report = (path: Issue['path'], problem: string) => void

/** What is found in turn. */
function issuesBy(look: (report: Report) => void): readonly Issue[] {
  const issues: Issue[] = []
  look((path, problem) => void issues.push({ path, problem }))
  return issues
}

const dataIssues = (study: Study): readonly Issue[] =>
  issuesBy((report) => {
    const { data, training } = study
    if (Object.keys(data.columns).length === 0) report(['data', 'columns'], problemWords.noColumns())
    const image = imageColumn(data.columns)?.name
    if (image !== undefined && Object.keys(data.columns).length > 1)
      report(['data', 'columns', image], problemWords.imageAlone())
    if (training.augment !== undefined && image === undefined)
      report(['training', 'augment'], problemWords.augmentNothing())
    for (const special of specialColumns(study)) {
      if (Object.hasOwn(data.columns, special)) report(['data', 'columns', special], problemWords.leak(special))
    }
    if (targetColumns(data.target).includes(data.patient))
      report(['data', 'target', ...columnPath(data.target, data.patient)], problemWords.leak(data.patient))
    if ('column' in data.split && [data.patient, ...targetColumns(data.target)].includes(data.split.column))
      report(['data', 'split', 'column'], problemWords.splitBy(data.split.column))
  })

const trainingIssues = ({ data, training, rounds, evaluate }: Study): readonly Issue[] =>
  issuesBy((report) => {
    const outcome = outcomeOfTarget(data.target)
    if (outcomeOf(training.loss) !== outcome)
      report(['training', 'loss'], problemWords.lossFor(lossesFor(outcome), lossName(training.loss)))
    if ((training.epochs === undefined) === (training.steps === undefined))
      report(['training', 'epochs'], problemWords.amount())
    if ((training.microbatch ?? 0) > training.batch)
      report(['training', 'microbatch'], problemWords.microbatchOverBatch(training.batch))
    if (rounds.stop !== undefined && !stopMetricsOf(outcome).includes(rounds.stop.metric))
      report(['rounds', 'stop', 'metric'], problemWords.metricFor(stopMetricsOf(outcome), rounds.stop.metric))
    for (const index of unfitMetrics(evaluate, outcome))
      report(['evaluate', index], problemWords.figureFor(metricsOf(outcome), evaluate[index] ?? ''))
  })

const strategyIssues = ({ strategy, training, rounds }: Study): readonly Issue[] =>
  issuesBy((report) => {
    if ('cyclic' in strategy && rounds.late !== undefined) report(['rounds', 'late'], problemWords.lateInTurn())
    if ('scaffold' in strategy && !isPlainDescent(training))
      report(['training', unlikePlainDescent(training)], problemWords.plainDescentOnly('scaffold'))
    if ('qFedAvg' in strategy && !isMeasuredLoss(training.loss))
      report(['training', 'loss'], problemWords.measuredLossOnly('qFedAvg'))
    const keeper = Object.keys(strategy).find((name) => keepers.includes(name))
    if (keeper !== undefined && rounds.late !== undefined) report(['rounds', 'late'], problemWords.lateAndKept(keeper))
    if (!('fedBuff' in strategy)) return
    if (rounds.late !== undefined) report(['rounds', 'late'], problemWords.lateTwice())
    if ((rounds.quorum ?? 0) > strategy.fedBuff.buffer)
      report(['rounds', 'quorum'], problemWords.quorumOverBuffer(rounds.quorum ?? 0, strategy.fedBuff.buffer))
  })

const modelIssues = (study: Study): readonly Issue[] =>
  issuesBy((report) => {
    const { data, model, training, strategy } = study
    try {
      const inputs = plannedInputs(data.columns)
      checkModel(model, { inputs, loss: training.loss })
      const field = modelField(model).split('.')
      const { output, weights } = networkOf(model, inputs)
      const [outputs = 0] = output
      const classes = 'classes' in data.target ? Object.keys(data.target.classes).length : undefined
      if (classes !== undefined && classes !== outputs) report(field, problemWords.classOutputs(classes, outputs))
      const labels = 'mask' in data.target ? Object.keys(data.target.mask).length : undefined
      // Of two labels the second may be a question of yes or no.
      if (labels !== undefined && labels !== Math.max(2, outputs))
        report(field, problemWords.labelOutputs(labels, outputs))
      if (weights.some(({ learnt, frozen }) => !learnt && frozen !== true)) {
        const corrected = correctors.find((name) => Object.hasOwn(strategy, name))
        if (corrected !== undefined) report(field, problemWords.statisticsCorrected(corrected))
        if (training.batch < 2) report(['training', 'batch'], problemWords.statisticsOfOne())
      }
      const refusal = partsRefused(study, inputs)
      if (refusal !== undefined) report(['training', 'microbatch'], refusal)
    } catch (error) {
      if (!(error instanceof WardroundError) || error.code !== 'WR_STUDY_INVALID') throw error
      report(String(error.parameters.field).split('.'), String(error.parameters.problem))
    }
  })

/** Where in a target it names a column. */
const columnPath = (target: TargetSpec, column: string): readonly string[] =>
  'time' in target ? [target.time.column === column ? 'time' : 'event', 'column'] : ['column']

/** What does not go with times until an event: there are no classes, and a batch is compared within itself. */
const survivalIssues = ({ data: { target }, training }: Study): readonly Issue[] =>
  issuesBy((report) => {
    if (!('time' in target)) return
    const { time, event } = target
    if (time.column === event.column)
      report(['data', 'target', 'event', 'column'], problemWords.timeIsEvent(event.column))
    if (training.classWeights !== undefined) report(['training', 'classWeights'], problemWords.timesUnweighted())
    if (training.batch < 2 || training.batch > comparedBatch)
      report(['training', 'batch'], problemWords.comparedBatch(comparedBatch))
  })

const maskIssues = ({ data: { target, columns }, training }: Study): readonly Issue[] =>
  issuesBy((report) => {
    if (!('mask' in target)) return
    if (!Object.values(columns).some(({ type }) => type === 'image'))
      report(['data', 'target', 'mask'], problemWords.maskOfNothing())
    if (training.classWeights !== undefined) report(['training', 'classWeights'], problemWords.areasUnweighted())
  })

/** Why a batch of this model cannot be worked on in parts, if that is asked for. */
function partsRefused({ model, training }: Study, inputs: Inputs): string | undefined {
  const { microbatch } = training
  if (microbatch === undefined) return undefined
  try {
    partedStep({ model, training, inputs, batch: microbatch + 1, weighted: training.classWeights !== undefined })
    return undefined
  } catch (error) {
    if (!(error instanceof WardroundError) || error.code !== 'WR_GRAPH_REFUSED') throw error
    return String(error.parameters.problem)
  }
}

/** Strategies that correct what is learnt: running statistics are not. */
const correctors = ['scaffold', 'fedDyn']

/** Strategies whose sites keep what they make of their own update: it has to count in its round, and whole. */
const keepers = ['scaffold', 'fedDyn']

const outcomeOfTarget = (target: TargetSpec): Outcome =>
  outcomesOfTargets.find(([field]) => field in target)?.[1] ?? 'regression'
const outcomesOfTargets = [
  ['time', 'survival'],
  ['positive', 'binary'],
  ['classes', 'multiclass'],
  ['mask', 'segmentation'],
] as const

/** The field that makes it another algorithm than plain gradient descent. */
const unlikePlainDescent = ({ optimizer, schedule }: Study['training']): string =>
  !isPlainDescent({ optimizer }) ? 'optimizer' : schedule === undefined ? 'clipGradients' : 'schedule'
