/** What a running study's phases need to know, worked out from its row once. */
import { splitSpecs } from '@wardround/core/graph/network.ts'
import { judge, type MetricPoint, type Verdict } from '@wardround/core/learning/convergence.ts'
import { type Preparation, preparationSchema, preparedInputs } from '@wardround/core/preparation/schema.ts'
import { readPlan } from '@wardround/core/protocol/plan.ts'
import type { StopMetric } from '@wardround/core/study/metrics.ts'
import { measuredOn, type Study } from '@wardround/core/study/study.ts'
import type { TensorSpec } from '@wardround/core/weights.ts'
import type { Context } from './context.ts'
import type { StudyRow } from './store/schema.ts'

export type Running = {
  readonly row: StudyRow
  readonly study: Study
  readonly prepared: { readonly preparation: Preparation; readonly preparationHash: string }
  /** Shared weights, in model order. */
  readonly specs: readonly TensorSpec[]
  /** What is watched from round to round. */
  readonly metric: StopMetric
  readonly measuredOn: 'validation' | 'training'
}

export const studyOf = (row: Pick<StudyRow, 'plan'>): Study => readPlan(row.plan).study

/** What was read lately: of a thousand sites it is long, and each update that comes asks for it. */
const recent = new Map<string, Preparation>()
const recentLimit = 20

function readPreparation(text: string): Preparation {
  const known = recent.get(text)
  if (known !== undefined) return known
  const parsed = preparationSchema.parse(JSON.parse(text))
  if (recent.size >= recentLimit) recent.clear()
  recent.set(text, parsed)
  return parsed
}

export function runningOf(row: StudyRow): Running {
  const study = studyOf(row)
  const preparation = readPreparation(row.preparation ?? 'null')
  return {
    row,
    study,
    prepared: { preparation, preparationHash: row.preparation_hash ?? '' },
    specs: splitSpecs(study.model, preparedInputs(preparation)).shared,
    metric: study.rounds.stop?.metric ?? 'loss',
    measuredOn: measuredOn(study),
  }
}

/** Sites that approved, have not left, and were invited, in order of name. */
export async function activeSites({ store }: Pick<Context, 'store'>, row: StudyRow): Promise<string[]> {
  const approved = (await store.decisions(row.id))
    .filter(({ decision }) => decision === 'approved')
    .map(({ site }) => site)
  const joined = new Set((await store.sites()).filter(({ state }) => state === 'joined').map(({ name }) => name))
  const invited = row.invited === null ? undefined : (JSON.parse(row.invited) as string[])
  return approved
    .filter((site) => joined.has(site) && (invited?.includes(site) ?? true))
    .toSorted((a, b) => (a < b ? -1 : 1))
}

/** The verdict over all completed rounds, `latest` included or replacing its row. */
export async function judgeStudy(
  { store }: Pick<Context, 'store'>,
  { row, study }: Running,
  latest?: MetricPoint,
): Promise<Verdict> {
  const before = (await store.completedRounds(row.id)).filter(({ number }) => number !== latest?.round)
  const history = [
    ...before.map(({ number, value }): MetricPoint => ({ round: number, value })),
    ...(latest === undefined ? [] : [latest]),
  ]
  return judge(history, study.rounds.stop, study.rounds.maximum)
}
