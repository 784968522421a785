/** The words on figures, and those that read them to somebody who cannot see them. */
import type { Estimate } from '../../metrics/schema.ts'
import type { RoundSite } from '../../protocol/events.ts'
import { isAmount, isLowerBetter, type MetricName } from '../../study/metrics.ts'

/** What a paired difference says of joining. */
export type Verdict = 'better' | 'worse' | 'unclear'
export type ModelName = 'local' | 'federated' | 'centralised'
type State = RoundSite['state']

/** With a true minus sign; what rounds to zero has none. */
export function number(value: number, digits = 3): string {
  const text = value.toFixed(digits)
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−')
}

/** Digits after the point: of a share always as many; of an amount, so that its largest number has one more that count. */
export function digitsFor(metric: MetricName, { value, low, high }: Estimate, digits = 3): number {
  if (!isAmount(metric)) return digits
  const largest = Math.max(...[value, low, high].map((part) => Math.abs(part ?? 0)))
  return largest === 0 ? digits : Math.min(12, Math.max(0, digits - Math.floor(Math.log10(largest))))
}

function withInterval(metric: MetricName, estimate: Estimate): string {
  const { value, low, high } = estimate
  if (value === null) return 'not shown'
  const digits = digitsFor(metric, estimate)
  return low === null || high === null
    ? number(value, digits)
    : `${number(value, digits)} (${number(low, digits)} to ${number(high, digits)})`
}

const metricNames: Readonly<Record<MetricName | 'loss', string>> = {
  loss: 'loss',
  accuracy: 'accuracy',
  auroc: 'AUROC',
  brier: 'Brier score',
  meanAbsoluteError: 'mean absolute error',
  rootMeanSquaredError: 'root mean squared error',
  r2: 'R²',
  meanSquaredError: 'mean squared error',
  concordance: 'concordance',
  dice: 'Dice',
  iou: 'intersection over union',
}
/** Where there is little room. */
const shortNames: Readonly<Partial<Record<MetricName, string>>> = {
  brier: 'Brier',
  meanAbsoluteError: 'MAE',
  rootMeanSquaredError: 'RMSE',
  meanSquaredError: 'MSE',
  iou: 'IoU',
}
const isNamed = (metric: string): metric is MetricName | 'loss' => Object.hasOwn(metricNames, metric)
const modelNames: Readonly<Record<ModelName, string>> = {
  local: 'local only',
  federated: 'federated',
  centralised: 'centralised',
}
const stateNames: Readonly<Record<State, string>> = {
  contributed: 'contributed',
  working: 'still working',
  late: 'late',
  failed: 'failed',
  refused: 'refused',
}

export const figureWords = {
  overall: () => 'all together',
  model: (model: ModelName) => modelNames[model],
  /** What is watched from round to round comes as text. */
  metric: (metric: string) => (isNamed(metric) ? metricNames[metric] : metric),
  metricShort: (metric: MetricName) => shortNames[metric] ?? metricNames[metric],
  state: (state: State) => stateNames[state],
  tick: (value: number, digits: number) => number(value, digits),
  n: (n: number | null) => (n === null ? 'n hidden' : `n ${n}`),
  hidden: () => 'too few patients to show',
  oneClass: () => 'one outcome only: no such figure',
  noCurve: () => 'no curve: one outcome only',
  estimate: withInterval,
  estimateShort: (metric: MetricName, estimate: Estimate, least: number) => {
    const { value, low, high } = estimate
    if (value === null) return ''
    const digits = digitsFor(metric, estimate, least)
    return low === null || high === null
      ? number(value, digits)
      : `${number(value, digits)} (${number(low, digits)}, ${number(high, digits)})`
  },
  share: (part: number, whole: number) => `${part} of ${whole}`,

  convergenceTitle: (name: string, metric: string) => `${figureWords.metric(metric)} in each round, ${name}`,
  convergenceDescription: ({ first, last, rounds }: { first: number; last: number; rounds: number }) =>
    `${rounds} rounds measured, from ${number(first)} to ${number(last)}.`,
  round: () => 'round',
  noRounds: () => 'No round measured.',

  rocTitle: (name: string) => `ROC curves, ${name}`,
  rocDescription: (models: readonly { model: ModelName; auroc: Estimate }[]) =>
    models.map(({ model, auroc }) => `${modelNames[model]}: AUROC ${withInterval('auroc', auroc)}.`).join(' '),
  sensitivity: () => 'sensitivity',
  falseAlarms: () => '1 − specificity',

  calibrationTitle: (name: string) => `Calibration of the federated model, ${name}`,
  calibrationDescription: (
    points: readonly { predicted: number; observed: number; low: number; high: number; n: number }[],
  ) =>
    points
      .map(
        ({ predicted, observed, low, high, n }) =>
          `Predicted ${number(predicted, 2)}: observed ${number(observed, 2)} (${number(low, 2)} to ${number(high, 2)}), n ${n}.`,
      )
      .join(' '),
  predicted: () => 'predicted probability',
  observed: () => 'observed share',
  records: () => 'n',

  forestTitle: (metric: MetricName) => `${figureWords.metric(metric)} at each hospital, 95 % interval`,
  forestHeading: (metric: MetricName) =>
    `${capital(figureWords.metric(metric))}${isLowerBetter(metric) ? ' (lower is better)' : ''}`,
  differenceTitle: (metric: MetricName) =>
    `${figureWords.metric(metric)}: federated minus local only, paired, 95 % interval`,
  differenceHeading: (metric: MetricName) => `${capital(figureWords.metric(metric))}, federated − local only`,
  forestDescription: (metric: MetricName, rows: readonly { name: string; model?: ModelName; estimate: Estimate }[]) =>
    rows
      .map(
        ({ name, model, estimate }) =>
          `${name}${model === undefined ? '' : `, ${modelNames[model]}`}: ${withInterval(metric, estimate)}.`,
      )
      .join(' '),
  localBetter: (metric: MetricName) => (isLowerBetter(metric) ? 'federated better' : 'local better'),
  federatedBetter: (metric: MetricName) => (isLowerBetter(metric) ? 'local better' : 'federated better'),

  contributionsTitle: () => 'Who contributed to which round',
  contributionsDescription: (rows: readonly { name: string; contributed: number; rounds: number }[]) =>
    rows.map(({ name, contributed, rounds }) => `${name}: ${contributed} of ${rounds} rounds.`).join(' '),
  cell: ({ site, from, to, state }: { site: string; from: number; to: number; state: State }) =>
    `${site}, ${from === to ? `round ${from}` : `rounds ${from} to ${to}`}: ${stateNames[state]}`,
} as const

export const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`
