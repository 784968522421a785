/** What each kind of task does with this site's records, once it has been allowed to. */

import { WardroundError } from '@wardround/core/errors.ts'
import { splitSpecs, weightSpecs } from '@wardround/core/graph/network.ts'
import { strategyOf } from '@wardround/core/learning/strategies.ts'
import { noEstimates } from '@wardround/core/metrics/estimates.ts'
import { inputsIn } from '@wardround/core/preparation/inputs.ts'
import { ownPreparation } from '@wardround/core/preparation/own.ts'
import { preparedInputs } from '@wardround/core/preparation/schema.ts'
import { surveyOf } from '@wardround/core/preparation/survey.ts'
import type { Task } from '@wardround/core/protocol/task.ts'
import { updateParts } from '@wardround/core/protocol/update.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { l2Norm } from '@wardround/core/vector.ts'
import type { TensorSpec, Weights } from '@wardround/core/weights.ts'
import { fetchWeights } from './blob.ts'
import { subtractReceived } from './change.ts'
import { taskCheckpoints } from './checkpoint.ts'
import type { SiteContext } from './context.ts'
import { correctionFor } from './correction.ts'
import { type Prepared, preparedWith } from './dataset.ts'
import { minimumCohortOf, type ReleaseKind } from './egress/policy.ts'
import { compare, hiddenResult, meanLoss, measure, patientsIn, predict } from './evaluation.ts'
import { startingWeights } from './first-weights.ts'
import { amountOf, classWeightsFor, trainAlone, watched, withPersonalStart } from './local-training.ts'
import { letGo } from './memory.ts'
import type { Result } from './outbox.ts'
import { dropScratch, scratchWeights } from './scratch.ts'
import { studyFolder } from './study-folder.ts'

/** A result that is ready to leave, and what the policy needs to know of it. */
export type Answer = {
  readonly result: Result
  readonly release: ReleaseKind
  /** Patients that it is about; null where it hides them already. */
  readonly patients: number | null
  readonly values?: readonly Float32Array[]
  /** Keeps what this site needs of it later; to be called once the result may leave, and before it does. */
  readonly keep?: () => void | Promise<void>
}

type Of<K extends Task['kind']> = Extract<Task, { kind: K }>

export async function doTask(site: SiteContext, task: Task, study: Study): Promise<Answer> {
  switch (task.kind) {
    case 'prepare':
      return prepare(site, task, study)
    case 'train':
      return train(site, task, study)
    case 'evaluate':
      return evaluate(site, task, study)
    case 'finish':
      return finish(site, task, study)
  }
}

/** The survey hides small counts itself, so the policy has nothing left to count. */
async function prepare(site: SiteContext, task: Of<'prepare'>, study: Study): Promise<Answer> {
  site.trainer.warm(study)
  const records = await site.dataset.records(study, task.planHash)
  const survey = surveyOf({ study, ...records, minimumCohort: minimumCohort(site, study) })
  return { result: { report: { kind: 'prepare', survey } }, release: 'statistics', patients: null }
}

async function train(site: SiteContext, task: Of<'train'>, study: Study): Promise<Answer> {
  const prepared = await site.dataset.prepared(study, task.planHash, task.preparation)
  const { training } = prepared
  const startOf = (): Promise<Weights> => fullWeights(site, { task, study, prepared, personalRound: task.round - 1 })
  const { shared: specs, personal } = splitSpecs(study.model, preparedInputs(task.preparation))
  const correction = await correctionFor(site, { task, study, specs })
  const { proximalMu, lossBefore } = strategyOf(study.strategy).client
  const before = lossBefore
    ? {
        lossBefore: await meanLoss(site.trainer, study, { weights: await startOf(), inputs: training, handOver: true }),
      }
    : {}
  const start = await startOf()
  const trained = await site.trainer.train(
    {
      model: study.model,
      training: study.training,
      data: training,
      weights: start,
      ...amountOf(study, [study.seed, 'train', site.membership.site], task.round),
      ...classWeightsFor(study, training),
      ...(proximalMu === undefined ? {} : { proximal: { mu: proximalMu, anchor: start } }),
      ...(correction === undefined ? {} : { correction: correction.gradient }),
    },
    {
      handOver: true,
      checkpoints: taskCheckpoints(site, { task, data: training }),
      stillWanted: stillWanted(site, task),
      ...(site.signal === undefined ? {} : { signal: site.signal }),
    },
  )
  // From here on what has changed, in its place.
  const delta = those(trained.weights, specs)
  subtractReceived(delta, await site.fetchBlob(task.weights))
  const values = delta.map(({ data }) => data)
  const measurements = { trainingLoss: trained.lossPerEpoch.at(-1) ?? 0, updateNorm: l2Norm(...values), ...before }
  const update = updateParts(delta, { numExamples: training.rows, numSteps: trained.steps, measurements })
  const keep = (): void => {
    keepPersonal(site, task, those(trained.weights, personal))
    correction?.keep({ delta, steps: trained.steps })
  }
  return { result: { update }, release: 'updates', patients: patientsIn(training), values, keep }
}

/** A grant that is taken back ends the training that has begun, and so does a task that the coordinator has closed: nothing of it could leave, or would count. */
const stillWanted =
  ({ approvedPlan, jobs }: SiteContext, { id, study, planHash }: Task) =>
  (): void => {
    jobs.requireWanted(id)
    approvedPlan(study, planHash)
  }

function keepPersonal(site: SiteContext, task: Of<'train'>, personal: Weights): void {
  if (personal.length === 0) return
  const kept = studyFolder(site, task.study)
  kept.personal.save(task.round, personal)
  kept.personal.keep([task.bestRound, task.round - 1, task.round])
}

async function evaluate(site: SiteContext, task: Of<'evaluate'>, study: Study): Promise<Answer> {
  const prepared = await site.dataset.prepared(study, task.planHash, task.preparation)
  const weights = await fullWeights(site, { task, study, prepared, personalRound: task.round })
  const { inputs, on } = watched(study, prepared)
  const patients = patientsIn(inputs)
  if (patients < minimumCohort(site, study))
    return { result: { report: { kind: 'evaluate', on, figure: null } }, release: 'evaluations', patients: null }
  const figure = await measure(site.trainer, study, { weights, inputs, handOver: true })
  return { result: { report: { kind: 'evaluate', on, figure } }, release: 'evaluations', patients }
}

/** The federated model against one trained here alone, on the test patients, once. */
async function finish(site: SiteContext, task: Of<'finish'>, study: Study): Promise<Answer> {
  const prepared = await site.dataset.prepared(study, task.planHash, task.preparation)
  const { training, test } = prepared
  const federated = (): Promise<Weights> => fullWeights(site, { task, study, prepared, personalRound: task.round })
  const keep = async (): Promise<void> => {
    const weights = await federated()
    studyFolder(site, task.study).saveWeights(weights)
    letGo(weights.map(({ data }) => data))
  }
  // Alone means alone: without the others' fill values and scales, too.
  const own = preparedWith(prepared.records, ownPreparation(study, prepared.records, site.membership.site))
  const specs = weightSpecs(study.model, inputsIn(own.training))
  const first = await startingWeights(site, task.study, { study, inputs: inputsIn(own.training) })
  const alone = await trainAlone({ ...site, site: site.membership.site, stillWanted: stillWanted(site, task) }, study, {
    prepared: own,
    first,
    maximumRounds: task.maximumRounds,
    best: scratchWeights(site, task.study, specs),
  }).finally(() => dropScratch(site, task.study))
  const minimum = minimumCohort(site, study)
  const hide = (count: number): number | null => (count < minimum ? null : count)
  const [nTrain, nTest] = [hide(patientsIn(training)), hide(patientsIn(test))]
  const common = { kind: 'finish' as const, nTrain, nTest, localRounds: alone.rounds }
  if (nTest === null)
    return {
      result: { report: { ...common, local: hiddenResult(), federated: hiddenResult(), difference: noEstimates } },
      release: 'evaluations',
      patients: null,
      keep,
    }
  // One model after the other.
  const scores = [
    await predict(site.trainer, study, { weights: alone.weights, inputs: own.test, handOver: true }),
    await predict(site.trainer, study, { weights: await federated(), inputs: test, handOver: true }),
  ]
  const { results, differences } = compare(study, { scores, inputs: test, labels: [study.seed, site.membership.site] })
  const [local = hiddenResult(), together = hiddenResult()] = results
  return {
    result: { report: { ...common, local, federated: together, difference: differences[0] ?? noEstimates } },
    release: 'evaluations',
    patients: nTest,
    keep,
  }
}

const minimumCohort = (site: SiteContext, study: Study): number =>
  minimumCohortOf(site.config.policy, study.data.minimumCohort)

/** Of weights, those of some specs. */
const those = (weights: Weights, specs: readonly TensorSpec[]): Weights =>
  weights.filter(({ name }) => specs.some((spec) => spec.name === name))

type WithWeights = Of<'train'> | Of<'evaluate'> | Of<'finish'>

type Combination = {
  readonly task: WithWeights
  readonly study: Study
  readonly prepared: Prepared
  readonly personalRound: number
}

/** Shared weights from the coordinator, personal ones from this site, frozen ones as they start, in model order and in memory of their own. Errors: of fetchWeights(). */
async function fullWeights(site: SiteContext, { task, study, prepared, personalRound }: Combination): Promise<Weights> {
  const { shared: sharedSpecs, personal: specs, frozen } = splitSpecs(study.model, preparedInputs(task.preparation))
  const shared = await fetchWeights(site, task.weights, sharedSpecs)
  if (specs.length === 0 && frozen.length === 0) return shared
  const { personal } = studyFolder(site, task.study)
  const last = site.progress.trainedBefore(task.study, personalRound + 1)
  const stored = personal.latest(personalRound, specs)
  const again = site.progress.released(task.study, task.id) !== undefined
  if (again && last > 0 && personal.at(last, specs) === undefined)
    throw new WardroundError('WR_ROUND_FORGOTTEN', { study: task.study, round: last })
  const first = await startingWeights(site, task.study, { study, inputs: inputsIn(prepared.training) })
  const start = withPersonalStart(study, first, prepared.training.target)
  return start.map((tensor) => [...shared, ...(stored ?? [])].find(({ name }) => name === tensor.name) ?? tensor)
}
