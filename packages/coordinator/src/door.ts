/** What a site hands in, checked before it counts: digest, names, shapes, plausible values, and figures of the kind that the study asks for. */
import { WardroundError } from '@wardround/core/errors.ts'
import { plannedSteps } from '@wardround/core/learning/local-steps.ts'
import { strategyOf } from '@wardround/core/learning/strategies.ts'
import type { Statistic } from '@wardround/core/metrics/schema.ts'
import { classLabels, maskLevels } from '@wardround/core/preparation/encoding.ts'
import type { BlobRef, Report } from '@wardround/core/protocol/task.ts'
import { type UpdateFacts, updateFacts } from '@wardround/core/protocol/update.ts'
import { checkSpecs, float32Of, headerLimitBytes } from '@wardround/core/safetensors.ts'
import { outcomeOf } from '@wardround/core/study/outcome.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { dimensionOf, type TensorSpec } from '@wardround/core/weights.ts'
import { placeOf, readHeader } from './aggregate.ts'
import type { Arrival, BlobReader, BlobStore } from './blobs/blob-store.ts'
import type { Context } from './context.ts'
import { type Running, runningOf, studyOf } from './running.ts'
import type { StudyRow, TaskRow } from './store/schema.ts'
import { requirePlausible } from './values.ts'
import { longestRange } from './weights.ts'

/** A report as JSON. Errors: WR_BODY_INVALID. */
export async function checkReport(context: Context, task: TaskRow, report: Report): Promise<void> {
  const study = studyOf(await studyRow(context, task))
  const watched = study.rounds.stop?.metric ?? 'loss'
  if (report.kind === 'evaluate' && report.figure !== null && report.figure.metric !== watched) {
    throw new WardroundError('WR_BODY_INVALID', { field: 'figure.metric', problem: `the study watches ${watched}` })
  }
  if (report.kind === 'finish')
    for (const { statistic } of [report.local, report.federated]) checkStatistic(study, statistic)
}

/** The study whose task it is. Errors: WR_NOT_FOUND. */
export const runningStudy = async (context: Context, task: TaskRow): Promise<Running> =>
  runningOf(await studyRow(context, task))

/** Before a byte of an update is kept. Errors: WR_BODY_TOO_LARGE where it says that it is larger than any of its study's. */
export function requireSize({ specs }: Running, sizeBytes: number): void {
  const limitBytes = 8 + headerLimitBytes + 4 * dimensionOf(specs)
  if (sizeBytes > limitBytes) throw new WardroundError('WR_BODY_TOO_LARGE', { limitBytes })
}

/** An update that has come, and whether all of its values were seen to be plausible on the way. */
type Come = Arrival & { readonly blobs: Pick<BlobStore, 'reader'>; readonly update: BlobRef }

/** What its metadata says; read from end to end, if its values were not seen. Errors: WR_WEIGHTS_INVALID, WR_WEIGHTS_SHAPE, WR_WEIGHTS_NOT_FINITE. */
export async function checkUpdate({ specs, study }: Running, { blobs, update, plausible }: Come): Promise<UpdateFacts> {
  const reader = await blobs.reader(update.sha256)
  try {
    const header = await readHeader(reader, update)
    checkSpecs(header, specs)
    const facts = checkFacts(study, updateFacts(header))
    if (!plausible) await checkAllValues(reader, specs, header.dataStart)
    return facts
  } finally {
    await reader.close()
  }
}

/** Weights that come from elsewhere, read once from end to end. Errors: WR_WEIGHTS_INVALID, WR_WEIGHTS_SHAPE, WR_WEIGHTS_NOT_FINITE. */
export async function checkWeights(
  blobs: Pick<BlobStore, 'reader'>,
  specs: readonly TensorSpec[],
  weights: BlobRef,
): Promise<void> {
  const reader = await blobs.reader(weights.sha256)
  try {
    const header = await readHeader(reader, weights)
    checkSpecs(header, specs)
    await checkAllValues(reader, specs, header.dataStart)
  } finally {
    await reader.close()
  }
}

async function checkAllValues(reader: BlobReader, specs: readonly TensorSpec[], dataStart: number): Promise<void> {
  const dimension = dimensionOf(specs)
  for (let start = 0; start < dimension; start += longestRange) {
    const range = { start, end: Math.min(dimension, start + longestRange) }
    requirePlausible(float32Of(await reader.read(placeOf(range, dataStart))))
  }
}

/** No more steps than the plan asks for of so many records, and what its strategy needs to know. */
function checkFacts(study: Study, facts: UpdateFacts): UpdateFacts {
  const { numExamples, numSteps, measurements } = facts
  const most = plannedSteps(study.training, numExamples)
  if (numSteps !== undefined && numSteps > most)
    throw new WardroundError('WR_WEIGHTS_INVALID', {
      problem: `It says that it is from ${numSteps} steps, where the plan asks for ${most}.`,
    })
  if (strategyOf(study.strategy).client.lossBefore && !((measurements.lossBefore ?? -1) >= 0))
    throw new WardroundError('WR_WEIGHTS_INVALID', { problem: 'Its metadata does not say measurements.lossBefore.' })
  return facts
}

async function studyRow({ store }: Context, task: TaskRow): Promise<StudyRow> {
  const row = await store.study(task.study)
  if (row === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'study', name: task.study })
  return row
}

/** Statistics of another kind, or with other classes, could not be merged with the other sites'. */
function checkStatistic(study: Study, statistic: Statistic | null): void {
  if (statistic === null) return
  const wanted = outcomeOf(study.training.loss)
  const { target } = study.data
  const classes = 'mask' in target ? maskLevels(target).length : classLabels(target).length
  const divided = classesOf(statistic)
  if (statistic.kind !== wanted || (divided !== undefined && divided !== classes)) {
    throw new WardroundError('WR_BODY_INVALID', {
      field: 'statistic',
      problem: `the study asks for a ${wanted} one${divided === undefined ? '' : ` of ${classes} classes`}`,
    })
  }
}

/** How many classes a statistic is divided by, if it is; of masks the labels, whose first is the background. */
function classesOf(statistic: Statistic): number | undefined {
  if (statistic.kind === 'multiclass') return statistic.confusion.length
  return statistic.kind === 'segmentation' ? statistic.labels.length + 1 : undefined
}
