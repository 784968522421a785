/** The words on figures, and those that read them to somebody who cannot see them. */
import type { Estimate } from '../../metrics/schema.ts'
import type { RoundSite } from '../../protocol/events.ts'

/** What a paired difference says of joining. */
export type Verdict = 'better' | 'worse' | 'unclear'
export type ModelName = 'local' | 'federated' | 'centralised'
type State = RoundSite['state']

/** With a true minus sign; what rounds to zero has none. */
export function number(value: number, digits = 3): string {
  const text = value.toFixed(digits)
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−')
}

const withInterval = ({ value, low, high }: Estimate): string =>
  value === null
    ? 'not shown'
    : low === null || high === null
      ? number(value)
      : `${number(value)} (${number(low)} to ${number(high)})`

const metricNames: Readonly<Record<string, string>> = {
  loss: 'loss',
  accuracy: 'accuracy',
  auroc: 'AUROC',
  brier: 'Brier score',
  concordance: 'concordance',
  meanSquaredError: 'mean squared error',
}
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

/** The metrics of which less is better. */
const falling = new Set(['loss', 'brier', 'meanSquaredError'])

export const figureWords = {
  overall: () => 'all together',
  model: (model: ModelName) => modelNames[model],
  metric: (metric: string) => metricNames[metric] ?? metric,
  state: (state: State) => stateNames[state],
  tick: (value: number, digits: number) => number(value, digits),
  n: (n: number | null) => (n === null ? 'n hidden' : `n ${n}`),
  hidden: () => 'too few patients to show',
  oneClass: () => 'one outcome only: no such figure',
  noCurve: () => 'no curve: one outcome only',
  estimate: withInterval,
  estimateShort: ({ value, low, high }: Estimate, digits: number) =>
    value === null
      ? ''
      : low === null || high === null
        ? number(value, digits)
        : `${number(value, digits)} (${number(low, digits)}, ${number(high, digits)})`,
  share: (part: number, whole: number) => `${part} of ${whole}`,

  convergenceTitle: (name: string, metric: string) => `${figureWords.metric(metric)} in each round, ${name}`,
  convergenceDescription: ({ first, last, rounds }: { first: number; last: number; rounds: number }) =>
    `${rounds} rounds measured, from ${number(first)} to ${number(last)}.`,
  round: () => 'round',
  noRounds: () => 'No round measured.',

  rocTitle: (name: string) => `ROC curves, ${name}`,
  rocDescription: (models: readonly { model: ModelName; auroc: Estimate }[]) =>
    models.map(({ model, auroc }) => `${modelNames[model]}: AUROC ${withInterval(auroc)}.`).join(' '),
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

  forestTitle: (metric: string) => `${figureWords.metric(metric)} at each hospital, 95 % interval`,
  forestHeading: (metric: string) =>
    `${capital(figureWords.metric(metric))}${falling.has(metric) ? ' (lower is better)' : ''}`,
  differenceTitle: (metric: string) =>
    `${figureWords.metric(metric)}: federated minus local only, paired, 95 % interval`,
  differenceHeading: (metric: string) => `${capital(figureWords.metric(metric))}, federated − local only`,
  forestDescription: (rows: readonly { name: string; model?: ModelName; estimate: Estimate }[]) =>
    rows
      .map(
        ({ name, model, estimate }) =>
          `${name}${model === undefined ? '' : `, ${modelNames[model]}`}: ${withInterval(estimate)}.`,
      )
      .join(' '),
  localBetter: (metric: string) => (falling.has(metric) ? 'federated better' : 'local better'),
  federatedBetter: (metric: string) => (falling.has(metric) ? 'local better' : 'federated better'),

  contributionsTitle: () => 'Who contributed to which round',
  contributionsDescription: (rows: readonly { name: string; contributed: number; rounds: number }[]) =>
    rows.map(({ name, contributed, rounds }) => `${name}: ${contributed} of ${rounds} rounds.`).join(' '),
  cell: ({ site, from, to, state }: { site: string; from: number; to: number; state: State }) =>
    `${site}, ${from === to ? `round ${from}` : `rounds ${from} to ${to}`}: ${stateNames[state]}`,
} as const

export const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`
