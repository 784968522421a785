/** What is studied in a storm, drawn from its seed: small, and different in all that changes a federation's way. */

import { targetColumns } from '@wardround/core/preparation/encoding.ts'
import { splitPatients } from '@wardround/core/preparation/split.ts'
import { tableBuilder } from '@wardround/core/preparation/table.ts'
import { type ParsedStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import { type Random, seededRandom } from '@wardround/core/random.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { type DatasetCache, type Prepared, preparedWith, type Records } from '@wardround/site/dataset.ts'

export type StormStudy = {
  readonly parsed: ParsedStudy
  readonly sites: readonly string[]
  /** Bytes in a piece of an upload. */
  readonly pieceBytes: number
  /** How long training takes, at most. */
  readonly trainingMs: number
}

const names = 'abcdefghijklmnopqrst'.split('').map((letter) => `site-${letter}`)

export function drawStudy(seed: number): StormStudy {
  const random = seededRandom([seed, 'study'])
  const sites = names.slice(0, random.below(15) === 0 ? 7 + random.below(14) : 2 + random.below(5))
  const late = random.below(3) === 0 ? { late: { maximum: 1 + random.below(3) } } : {}
  const stop = random.below(4) === 0 ? { stop: { metric: 'loss', patience: 1 + random.below(2) } } : {}
  const strategy = drawStrategy(random, sites.length)
  const most = 'fedBuff' in strategy ? strategy.fedBuff.buffer : sites.length
  const quorum = random.below(3) === 0 ? {} : { quorum: 1 + random.below(most) }
  const plan = {
    wardround: 1,
    name: 'storm',
    question: 'How much is it?',
    data: {
      patient: 'who',
      target: random.below(10) === 0 ? { column: 'y', positive: '> 5' } : { column: 'y', unit: '1', range: [0, 10] },
      columns: { age: { type: 'number', unit: 'a', range: [0, 120] } },
      split: { test: 0.3 },
      minimumCohort: 3,
    },
    model: {
      layers: [
        { dense: 2, activation: 'tanh', name: 'hidden' },
        { dense: 1, name: 'output' },
      ],
      ...(random.below(3) === 0 ? { personal: ['output.bias'] } : {}),
    },
    training: { loss: 'meanSquaredError', optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 1 },
    strategy,
    rounds: {
      maximum: 1 + random.below(4),
      deadline: random.below(2) === 0 ? '20m' : `${1 + random.below(3)}m`,
      ...quorum,
      ...stop,
      ...(['fedBuff', 'scaffold', 'fedDyn'].some((name) => name in strategy) ? {} : late),
    },
    seed,
  }
  const training = {
    ...plan.training,
    loss: 'positive' in plan.data.target ? 'binaryCrossEntropy' : plan.training.loss,
  }
  return {
    parsed: validatePlan({ ...plan, training }),
    sites,
    pieceBytes: random.below(3) === 0 ? 100 : 1 << 20,
    trainingMs: random.below(3) === 0 ? 240_000 : 15_000,
  }
}

function drawStrategy(random: Random, sites: number) {
  const strategies = [
    { fedAvg: {} },
    { fedAvg: {} },
    { fedAvgM: {} },
    { fedAdam: { rate: 0.1 } },
    { fedYogi: { rate: 0.1 } },
    { fedNova: {} },
    { qFedAvg: { q: 1, lipschitz: 10 } },
    { median: {} },
    { trimmedMean: {} },
    { krum: {} },
    { multiKrum: {} },
    { geometricMedian: {} },
    { normBound: {} },
    { centredClipping: {} },
    { scaffold: {} },
    { fedDyn: { alpha: 0.1 } },
    { fedBuff: { buffer: 1 + random.below(sites) } },
    { fedBuff: { buffer: 1 + random.below(sites), staleness: { maximum: 1 + random.below(3) } } },
  ]
  return strategies[random.below(strategies.length)] ?? { fedAvg: {} }
}

export const studyIdOf = ({ parsed }: StormStudy): string => `${parsed.study.name}-${parsed.planHash.slice(0, 8)}`

/** Of twelve, those that are not tested on: a third, rounded. */
export const trainingRows = (): number => 8

/** Twelve patients of a site, in memory: no file is read on a round's path. */
export function datasetOf(site: string): DatasetCache {
  let records: Records | undefined
  const kept = new Map<string, Prepared>()
  const recordsOf = (study: Study): Records => {
    const { patient, target } = study.data
    const [column = ''] = targetColumns(target)
    const builder = tableBuilder(study, new Set([patient, column, 'age']))
    const random = seededRandom(['storm data', site])
    for (let row = 0; row < 12; row++) {
      const values = { [patient]: `p${row}`, [column]: String(row % 10), age: String(20 + random.below(60)) }
      builder.add({ values })
    }
    const built = builder.finish()
    return { ...built, split: splitPatients(built.table, study, site) }
  }
  return {
    async records(study) {
      records ??= recordsOf(study)
      return records
    },
    async prepared(study, planHash, preparation) {
      records ??= recordsOf(study)
      const key = `${planHash} ${JSON.stringify(preparation)}`
      const prepared = kept.get(key) ?? preparedWith(records, preparation)
      kept.set(key, prepared)
      return prepared
    },
  }
}
