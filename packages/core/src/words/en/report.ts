/** The words of the report that hospitals print. */
import type { Estimate } from '../../metrics/schema.ts'
import type { Outcome, StopReason } from '../../protocol/events.ts'
import { isLowerBetter, type MetricName } from '../../study/metrics.ts'
import { capital, digitsFor, figureWords, number, type Verdict } from './figures.ts'
import { sizeInWords } from './size.ts'

const plural = (count: number, one: string): string => `${count} ${count === 1 ? one : `${one}s`}`
const list = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

const none = (count: number): string => (count === 0 ? 'none' : String(count))
const signed = (value: number, digits: number): string => {
  const text = number(value, digits)
  return value > 0 && Number(text) !== 0 ? `+${text}` : text
}

type Counts = Readonly<Record<Verdict, number>>
type Ended = { readonly contributed: number; readonly expected: number; readonly rounds: number }

const headlines: Readonly<Record<Outcome, (ended: Ended) => string>> = {
  completed: ({ contributed, expected }) => `Completed with ${contributed} of ${plural(expected, 'hospital')}`,
  'completed partially': ({ contributed, expected }) =>
    `Completed with ${contributed} of ${plural(expected, 'hospital')}`,
  'stopped early': ({ contributed, expected, rounds }) =>
    `Stopped early, after ${plural(rounds, 'round')}, with ${contributed} of ${plural(expected, 'hospital')}`,
  abandoned: ({ rounds }) => `Abandoned after ${plural(rounds, 'round')}: no result to rely on`,
}

const reasons: Readonly<Record<StopReason, (metric: string) => string>> = {
  converged: (metric) => `The rounds ended because the ${metric} no longer improved.`,
  'maximum rounds': () =>
    'The rounds ended at the largest number that the plan allows; the model may not have converged.',
  'stopped by a person': () => 'A person stopped the study before the plan was done.',
  'quorum lost': () => 'Too few hospitals reported by the deadline for the study to go on.',
  'preflight failed': () => 'The data did not fit the study, and it did not begin.',
}

const verdicts: Readonly<Record<Verdict, string>> = {
  better: 'better',
  worse: 'worse',
  unclear: 'cannot be told apart',
}

export const reportWords = {
  kicker: () => 'Report of a federated study',
  documentTitle: (study: string, synthetic: boolean) => `${synthetic ? 'SYNTHETIC: ' : ''}${study}, report`,
  synthetic: () => 'SYNTHETIC',
  syntheticBanner: () =>
    'SYNTHETIC data: drawn from published summary statistics, no real patients. The figures show how the system works and say nothing about medicine.',
  pageOf: () => ({ before: 'page ', between: ' of ' }),
  footer: (studyId: string, planHash: string) => `${studyId}, plan ${planHash.slice(0, 16)}`,

  headline: (outcome: Outcome, ended: Ended) => headlines[outcome](ended),
  because: (reason: StopReason, metric: string) => reasons[reason](figureWords.metric(metric)),
  missing: (names: readonly string[]) =>
    `Not in every round, or not in the comparison at the end: ${list(names)}. The figures are about the others where it is missing.`,
  facts: () => ({
    hospitals: 'hospitals',
    training: 'training patients',
    test: 'test patients',
    rounds: 'rounds',
    time: 'time',
    sent: 'sent by the hospitals',
    received: 'received by them',
    plan: 'plan hash begins',
  }),
  hidden: () => 'hidden',
  share: figureWords.share,
  duration,
  bytes: sizeInWords,
  roundsFact: (rounds: number, best: number) => (best === 0 ? String(rounds) : `${rounds}, best ${best}`),

  resultHeading: () => 'Result on test patients',
  resultIntroduction: (centralised: boolean) =>
    `Every figure is about test patients whom no training has seen. Local only is a model trained at that hospital alone with the same budget; federated is the model that all trained together.${centralised ? ' Centralised is what pooling all records in one place would have given; it is known only because this is a demonstration or a simulation on data of one owner.' : ''}`,
  noResult: () => 'The study ended before the models were compared on test patients. There is no result to show.',
  atAGlance: (metric: MetricName, { better, worse, unclear }: Counts) => {
    const all = better + worse + unclear
    const name = capital(figureWords.metric(metric))
    if (unclear === all) return `${name}: at no hospital can federated and local only be told apart.`
    return `${name}: federated is better than local only at ${none(better)} of ${plural(all, 'hospital')}, worse at ${none(worse)}${unclear > 0 ? `; at ${unclear} the two cannot be told apart` : ''}.`
  },
  overallName: () => figureWords.overall(),
  model: figureWords.model,
  metric: figureWords.metric,
  tableHeader: (metrics: readonly MetricName[]) => [
    'model',
    ...metrics.map((metric) => `${figureWords.metric(metric)} (95 %)`),
  ],
  tableCaption: () =>
    'Figures on test patients, with 95 % intervals. The last line of each hospital is federated minus local only on the same patients.',
  patients: (nTest: number | null, nTrain: number | null) =>
    `${nTest === null ? 'test patients hidden' : plural(nTest, 'test patient')}${nTrain === null ? '' : `, ${plural(nTrain, 'training patient')}`}`,
  overallPatients: (nTest: number | null) =>
    nTest === null ? 'test patients hidden' : `${plural(nTest, 'test patient')} of all hospitals`,
  differenceRow: () => 'federated − local',
  estimate: (metric: MetricName, estimate: Estimate) =>
    estimate.value === null ? (estimate.n === null ? 'hidden' : 'none') : figureWords.estimate(metric, estimate),
  difference: (metric: MetricName, estimate: Estimate) => {
    const { value, low, high, n } = estimate
    if (value === null) return n === null ? 'hidden' : 'none'
    const digits = digitsFor(metric, estimate)
    return low === null || high === null
      ? signed(value, digits)
      : `${signed(value, digits)} (${signed(low, digits)} to ${signed(high, digits)})`
  },
  verdict: (verdict: Verdict) => verdicts[verdict],
  tableNote: (metrics: readonly MetricName[]) => {
    const names = (lower: boolean): string =>
      list(metrics.filter((metric) => isLowerBetter(metric) === lower).map(figureWords.metric))
    const better = [
      ...(names(false) === '' ? [] : [`higher is better for ${names(false)}`]),
      ...(names(true) === '' ? [] : [`lower is better for ${names(true)}`]),
    ]
    return `${capital(better.join(', '))}. "hidden": fewer patients than the study lets anybody speak of. "none": all test patients had the same outcome, nobody an event, or nothing was there or marked in any image, so there is no such figure.`
  },

  intervalsFigure: (centralised: boolean) =>
    `Points are the figures of the table, bars their 95 % intervals${centralised ? '; the three models' : '; the two models'} saw the same test patients. n counts patients.`,
  differenceFigure: () =>
    'Differences on the same patients. A full point: the interval leaves zero out. A hollow one: the two models cannot be told apart.',

  convergenceHeading: () => 'How the model learned',
  convergenceFigure: (metric: string, on: string, best: number) =>
    `${capital(figureWords.metric(metric))} of the federated model on each hospital's ${on} patients (n), as measured after each round, nothing smoothed. Thin grey: all together.${best > 0 ? ` Dashed upright: round ${best}, whose model was used.` : ''}`,
  rocHeading: () => 'ROC curves',
  rocFigure: () =>
    'ROC curves on test patients (n), from histograms of the predicted probability, a step for each bin: slanted where patients of both outcomes share one. The diagonal is chance.',
  calibrationHeading: () => 'Calibration',
  calibrationFigure: (minimum: number) =>
    `Federated model on test patients. Of the records given a probability near that on the lower axis, the share that had the outcome, with its 95 % interval; under it, how many records those are. Groups of fewer than ${minimum} are joined with their neighbours. On the diagonal, the probabilities mean what they say.`,

  contributionsHeading: () => 'Who contributed',
  contributionsFigure: (perColumn: number) =>
    `Hospitals down, rounds across; empty where a hospital was not in the study.${perColumn > 1 ? ` Each column stands for ${perColumn} rounds and shows the worst of them.` : ''}`,
  everybody: (rounds: number) => `Every hospital contributed to each of the ${plural(rounds, 'round')}.`,
  noRounds: () => 'No round was run.',
  exception: ({ round, site, state, code }: { round: number; site: string; state: string; code: string | undefined }) =>
    `Round ${round}: ${site} ${state}${code === undefined ? '' : ` (${code})`}.`,
  countedLate: (updates: number, rounds: number) =>
    `${plural(updates, 'update')} counted in a later round than the one that ${updates === 1 ? 'it' : 'they'} started in, at most ${plural(rounds, 'round')} later, and for less, as the study says.`,
  moreExceptions: (count: number) => `And ${count} more; report.json names them all.`,
  abandonedRound: (round: number) => `Round ${round} was abandoned: too few hospitals reported by its deadline.`,

  planHeading: () => 'The plan, in plain words',
  preparation: (contributors: readonly string[], inputs: number) =>
    `Before the first round, the columns were prepared alike everywhere, from surveys of ${list(contributors)}: ${plural(inputs, 'model input')}.`,
  releasesHeading: () => 'What left each hospital',
  releasesIntroduction: () => 'As each hospital was told before it decided, and nothing else:',
  traffic: (up: number, down: number) =>
    `In all, the hospitals sent ${sizeInWords(up)} and received ${sizeInWords(down)}. Each hospital's own journal lists every release with its digest.`,
  neverHeading: () => 'What never left',

  methodHeading: () => 'How the figures were made',
  method: ({ resamples, bins }: { resamples: number; bins: number }, metrics: readonly MetricName[]) => {
    const where = (metric: MetricName, sentence: string): readonly string[] =>
      metrics.includes(metric) ? [sentence] : []
    return [
      'n counts patients. Test patients were set apart before training and scored once, at the end.',
      `Intervals are 95 % percentile intervals of a bootstrap over patients with ${resamples} resamples; all records of a patient are drawn together. For all hospitals together, what the hospitals' own sums and counts allow: records are resampled, hospital by hospital, as if each were a patient of its own.`,
      '"Better" and "worse" are said only where the 95 % interval of the paired difference leaves zero out.',
      ...where(
        'auroc',
        `AUROC is exact at each hospital. For all together it comes from merged histograms of ${bins} bins of predicted probability, in which two patients of one bin count as a tie.`,
      ),
      ...where(
        'meanAbsoluteError',
        'The mean absolute error of all hospitals together has the interval that such a bootstrap of its records tends to, from the sums of the errors and of their squares.',
      ),
      ...where(
        'rootMeanSquaredError',
        'Of all hospitals together the root mean squared error has no interval: hospitals would have to send more about single errors.',
      ),
      ...where(
        'r2',
        'R² is 1 minus the squared errors over the squared deviations of the outcomes from their mean: at a hospital from its own mean, for all together from the mean of all, there without an interval.',
      ),
      ...where(
        'concordance',
        'Concordance is the share of pairs of patients, of whom it is known who had the event first, that the model puts in that order (Harrell et al. 1982). Pairs are of one hospital; for all hospitals together they are counted, without an interval.',
      ),
      ...(metrics.includes('dice') || metrics.includes('iou')
        ? [
            'Dice and intersection over union are of each image and label but the background: the mean over the images in which a label is there or marked, then over the labels. For all hospitals together they come from sums, without an interval.',
          ]
        : []),
      ...(metrics.includes('auroc') || metrics.includes('brier')
        ? [
            'ROC and calibration curves, where there are any, come from the histograms too. The bars of the calibration plots are Wilson score intervals; they count records.',
          ]
        : []),
    ]
  },
  comparisons: (count: number) =>
    `${plural(count, 'comparison')} of federated with local only ${count === 1 ? 'was' : 'were'} made and not corrected for their number: by chance alone about one in twenty leaves zero out.`,
  localRounds: (sites: readonly { name: string; localRounds: number }[]) =>
    `Alone, with the same rule for stopping, training took ${list(sites.map(({ name, localRounds }) => `${plural(localRounds, 'round')} at ${name}`))}.`,
  recordHeading: () => 'Record',
  record: () => ({
    study: 'study',
    planHash: 'plan hash',
    weights: 'SHA-256 of the weights',
    started: 'first round began',
    ended: 'last round ended',
  }),
  machineHeading: () => 'Computed by',
  documentHeading: () => 'The plan as the hospitals approved it',
  documentNote: (planHash: string) =>
    `The plan hash ${planHash} is the SHA-256 of this document in canonical form (RFC 8785).`,
} as const
