/** What a site hands in, checked before it counts: digest, names, shapes, plausible values, and figures of the kind that the study asks for. */
import { WardroundError } from '@wardround/core/errors.ts'
import type { Statistic } from '@wardround/core/metrics/schema.ts'
import { classLabels } from '@wardround/core/preparation/encoding.ts'
import type { BlobRef, TaskResult } from '@wardround/core/protocol/task.ts'
import { checkSpecs } from '@wardround/core/safetensors.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import { openFloats, readHeader } from './aggregate.ts'
import type { Context } from './context.ts'
import { type Running, runningOf, studyOf } from './running.ts'
import type { TaskRow } from './store/schema.ts'

/** Beyond this a change of a weight is no training result, and sums of such could overflow Float32. */
const largestChange = 1e30

const rangeLength = 1 << 18

/** Errors: WR_DIGEST_MISMATCH, WR_WEIGHTS_INVALID, WR_WEIGHTS_SHAPE, WR_WEIGHTS_NOT_FINITE, WR_BODY_INVALID. */
export async function checkResult(context: Context, task: TaskRow, result: TaskResult): Promise<void> {
  const row = await context.store.study(task.study)
  if (row === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'study', name: task.study })
  if (result.kind === 'train') await takeUpdate(context, { task, update: result.update, running: runningOf(row) })
  const study = studyOf(row)
  const watched = study.rounds.stop?.metric ?? 'loss'
  if (result.kind === 'evaluate' && result.figure !== null && result.figure.metric !== watched) {
    throw new WardroundError('WR_BODY_INVALID', { field: 'figure.metric', problem: `the study watches ${watched}` })
  }
  if (result.kind === 'finish')
    for (const { statistic } of [result.local, result.federated]) checkStatistic(study, statistic)
}

/** From staging to a blob, read once from end to end. */
async function takeUpdate(
  { blobs }: Context,
  { task, update, running }: { task: TaskRow; update: BlobRef; running: Running },
): Promise<void> {
  // After a crash between taking the update in and writing it down, it is a blob already.
  if (!(await blobs.has(update.sha256)) || (await blobs.staged.receivedBytes(task.id)) > 0)
    await blobs.staged.commit(task.id, update)
  checkSpecs(await readHeader(blobs, update), running.specs)
  const values = await openFloats(blobs, update)
  const dimension = running.specs.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  for (let start = 0; start < dimension; start += rangeLength) {
    const range = await values({ start, end: Math.min(dimension, start + rangeLength) })
    for (const value of range) {
      if (!Number.isFinite(value)) throw new WardroundError('WR_WEIGHTS_NOT_FINITE', { tensor: 'the update' })
      if (Math.abs(value) > largestChange)
        throw new WardroundError('WR_WEIGHTS_INVALID', { problem: `A weight changes by more than ${largestChange}.` })
    }
  }
}

const kinds = {
  binaryCrossEntropy: 'binary',
  categoricalCrossEntropy: 'multiclass',
  meanSquaredError: 'regression',
} as const

/** Statistics of another kind, or with other classes, could not be merged with the other sites'. */
function checkStatistic(study: Study, statistic: Statistic | null): void {
  if (statistic === null) return
  const wanted = kinds[study.training.loss]
  const classes = classLabels(study.data.target).length
  if (statistic.kind !== wanted || (statistic.kind === 'multiclass' && statistic.confusion.length !== classes)) {
    throw new WardroundError('WR_BODY_INVALID', {
      field: 'statistic',
      problem: `the study asks for a ${wanted} one${wanted === 'multiclass' ? ` of ${classes} classes` : ''}`,
    })
  }
}
