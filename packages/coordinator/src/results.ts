/** The result of a study, put together once, from what the sites released. */

import { onlyAsked } from '@wardround/core/metrics/estimates.ts'
import { pooledEstimates } from '@wardround/core/metrics/intervals.ts'
import type { Statistic } from '@wardround/core/metrics/schema.ts'
import { mergeStatistics } from '@wardround/core/metrics/statistic.ts'
import { type Outcome, stopReasonSchema } from '@wardround/core/protocol/events.ts'
import { type Results, resultsSchema, roundResultSchema, type SiteResult } from '@wardround/core/protocol/results.ts'
import { blobRefSchema, type ModelResult } from '@wardround/core/protocol/task.ts'
import { askedMetrics } from '@wardround/core/study/metrics.ts'
import type { Study } from '@wardround/core/study/study.ts'
import type { Context } from './context.ts'
import type { Running } from './running.ts'
import type { RoundRow } from './store/schema.ts'
import { reported } from './tasks.ts'

export async function assembleResults(context: Context, running: Running): Promise<Results> {
  const { store, clock } = context
  const { study, row } = running
  const rounds = await store.rounds(row.id)
  const asked = askedMetrics(study)
  // Sites of earlier versions send every figure.
  const askedOf = (model: ModelResult): ModelResult => ({ ...onlyAsked(model, asked), statistic: model.statistic })
  const finished = reported(await store.tasksOf(row.id, 'finish', row.best_round), 'finish')
  const sites = finished.map(({ site, result }): SiteResult => {
    const { nTrain, nTest, localRounds } = result
    const difference = onlyAsked(result.difference, asked)
    const [local, federated] = [askedOf(result.local), askedOf(result.federated)]
    return { name: site, nTrain, nTest, local, federated, centralised: null, difference, localRounds }
  })
  const results = rounds.flatMap(({ result }) => (result === null ? [] : [roundResultSchema.parse(JSON.parse(result))]))
  const expected = [...new Set(rounds.flatMap(({ cohort }) => JSON.parse(cohort) as string[]))].toSorted()
  const finishers = new Set(sites.map(({ name }) => name))
  const tookPart = presence(rounds)
  const contributed = expected.filter((site) => tookPart(site) && finishers.has(site))
  const stoppedBecause = stopReasonSchema.parse(row.stopped_because)
  const { up, down } = await store.traffic(row.id)
  const resultsSoFar: Results = {
    study: study.name,
    studyId: row.id,
    planHash: row.plan_hash,
    plan: JSON.parse(row.plan) as Record<string, unknown>,
    preparation: running.prepared.preparation,
    outcome: outcomeOf({ stoppedBecause, expected, contributed }),
    stoppedBecause,
    expected,
    contributed,
    weightsSha256: bestWeights(rounds, row.best_round).sha256,
    bestRound: row.best_round,
    rounds: results,
    metric: running.metric,
    measuredOn: running.measuredOn,
    bytesUp: up,
    bytesDown: down,
    seconds: (clock.now() - (row.started_at ?? clock.now())) / 1000,
    sites,
    overall: {
      local: overallModel(
        sites.map(({ local }) => local),
        study,
      ),
      federated: overallModel(
        sites.map(({ federated }) => federated),
        study,
      ),
      centralised: null,
    },
    machine: {},
  }
  return resultsSchema.parse(resultsSoFar)
}

/** All sites' test patients together. */
export function overallModel(parts: readonly ModelResult[], study: Study): ModelResult {
  const statistics = parts.flatMap(({ statistic }): Statistic[] => (statistic === null ? [] : [statistic]))
  const merged = mergeStatistics(statistics)
  const estimates = pooledEstimates(statistics, merged, [study.seed, 'overall'])
  return { ...onlyAsked(estimates, askedMetrics(study)), statistic: merged }
}

/** The weights of the best round, or those that the first round started from where none was completed. */
export function bestWeights(rounds: readonly RoundRow[], bestRound: number): { sha256: string; sizeBytes: number } {
  const best = rounds.find(({ number, phase }) => number === bestRound && phase === 'completed')
  return blobRefSchema.parse(JSON.parse(best?.weights_out ?? rounds[0]?.weights_in ?? 'null'))
}

/**
 * Whether a site was there in every completed round: while one goes on with an earlier task, which counts later, or it is another's turn, it
 * takes part too. Each round is read once, for all sites.
 */
function presence(rounds: readonly RoundRow[]): (site: string) => boolean {
  const completed = rounds.filter(({ phase }) => phase === 'completed')
  const seen = completed.map(({ cohort, result }) => {
    const { sites } = roundResultSchema.parse(JSON.parse(result ?? 'null'))
    const waiting = (JSON.parse(cohort) as string[]).map((site) => [site, 'waiting'] as const)
    return new Map([...waiting, ...sites.map(({ site, state }) => [site, state] as const)])
  })
  return (site) => {
    const states = seen.map((round) => round.get(site) ?? 'absent')
    const present = states.every((state) => state === 'contributed' || state === 'working' || state === 'waiting')
    return present && (states.length === 0 || states.includes('contributed'))
  }
}

function outcomeOf({
  stoppedBecause,
  expected,
  contributed,
}: Pick<Results, 'stoppedBecause' | 'expected' | 'contributed'>): Outcome {
  if (stoppedBecause === 'quorum lost') return 'abandoned'
  if (stoppedBecause === 'stopped by a person') return 'stopped early'
  return contributed.length === expected.length ? 'completed' : 'completed partially'
}
