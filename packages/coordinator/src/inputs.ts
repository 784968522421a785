/** What a round's new weights are made of, as its rows have it: the same each time, also after a crash. */
import { collectingOf, stalenessFactor } from '@wardround/core/learning/collecting.ts'
import { plannedSteps } from '@wardround/core/learning/local-steps.ts'
import { strategyOf } from '@wardround/core/learning/strategies.ts'
import { blobRefSchema } from '@wardround/core/protocol/task.ts'
import type { AggregateInput } from './aggregate.ts'
import { cohortOf, partsOf } from './cohort.ts'
import type { Context } from './context.ts'
import { commonName } from './correction.ts'
import type { Running } from './running.ts'
import type { RoundRow, TaskRow } from './store/schema.ts'
import { reported } from './tasks.ts'

/** Tasks that count in the round; one of them may have to be done again. */
export const countedTasks = async (context: Context, running: Running, round: RoundRow): Promise<TaskRow[]> =>
  (await partsOf(context, running, round)).filter(({ counted_in }) => counted_in === round.number)

/** The strategy's own state, without what was made of it for the sites. */
function vectorsOf(text: string): Record<string, unknown> {
  const { [commonName]: _, ...vectors } = JSON.parse(text) as Record<string, unknown>
  return vectors
}

export async function aggregateInput(context: Context, running: Running, round: RoundRow): Promise<AggregateInput> {
  const collecting = collectingOf(running.study)
  const updates = reported(await countedTasks(context, running, round), 'train')
  const previous = await context.store.completedBefore(running.row.id, round.number)
  return {
    strategy: strategyOf(running.study.strategy),
    specs: running.specs,
    weights: blobRefSchema.parse(JSON.parse(round.weights_in)),
    state: previous?.strategy_state ? vectorsOf(previous.strategy_state) : undefined,
    updates: updates.map(({ site, result: { update, numExamples, numSteps, measurements }, task }) => ({
      site,
      update,
      numExamples,
      // A site of an older version does not say: it took those of the plan.
      numSteps: numSteps ?? plannedSteps(running.study.training, numExamples),
      measurements,
      factor: stalenessFactor(collecting, round.number - task.round),
    })),
    cohort: cohortOf(round).length,
  }
}
