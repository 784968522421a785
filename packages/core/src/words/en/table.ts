/** The words of the result table in a terminal. */
import type { Estimate } from '../../metrics/schema.ts'
import { isAmount, type MetricName } from '../../study/metrics.ts'
import { digitsFor, figureWords, type Verdict } from './figures.ts'
import { sizeInWords } from './size.ts'

export const tableWords = {
  title: (study: string, outcome: string, { contributed, expected }: { contributed: number; expected: number }) =>
    `${study}: ${outcome === 'completed' || outcome === 'completed partially' ? `completed with ${contributed} of ${expected} hospitals` : `${outcome}, ${contributed} of ${expected} hospitals in every round`}`,
  /** Only the first have their intervals: a terminal is 80 columns wide. */
  header: (metrics: readonly MetricName[], intervals: number) => [
    'hospital',
    'n',
    'model',
    ...metrics.map((metric, place) => `${figureWords.metricShort(metric)}${place < intervals ? ' (95 %)' : ''}`),
  ],
  overall: figureWords.overall,
  model: figureWords.model,
  n: (n: number | null) => (n === null ? 'hidden' : String(n)),
  estimate: (metric: MetricName, estimate: Estimate) => {
    const { value, low, high } = estimate
    if (value === null) return '–'
    const digits = digitsFor(metric, estimate)
    if (low === null || high === null) return value.toFixed(digits)
    return `${value.toFixed(digits)} (${low.toFixed(digits)}${low < 0 ? ' to ' : '–'}${high.toFixed(digits)})`
  },
  hiddenAt: (site: string) => `${site}: ${figureWords.hidden()}`,
  verdict: (site: string, verdicts: readonly { readonly metric: MetricName; readonly verdict: Verdict }[]) => {
    const clear = verdicts.filter(({ verdict }) => verdict !== 'unclear')
    if (clear.length === 0) return `${site}: federated and local only cannot be told apart on these patients`
    const parts = clear.map(({ metric, verdict }) => `${verdict} in ${figureWords.metric(metric)}`)
    return `${site}: federated is ${parts.join(', ')} than local only`
  },
  rounds: (rounds: number, best: number, because: string) =>
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'} (${because}); the model is that of round ${best}.`,
  traffic: (up: number, down: number) => `Sent by the hospitals: ${sizeInWords(up)}; received: ${sizeInWords(down)}.`,
  weights: (sha256: string) => `SHA-256 of the weights: ${sha256}`,
  plan: (hash: string) => `Plan hash: ${hash}`,
  method: (metrics: readonly MetricName[]) =>
    [
      'n: test patients, scored once. Intervals: bootstrap over patients.',
      ...(metrics.includes('auroc') ? ['AUROC exact at a hospital, from 200 bins for all together.'] : []),
      ...(metrics.includes('concordance')
        ? [
            'Concordance compares patients of one hospital; for all together the pairs of each are counted, without an interval.',
          ]
        : []),
      ...(metrics.includes('dice') || metrics.includes('iou')
        ? ['Areas: means over images, then over labels; for all together without an interval.']
        : []),
      ...(metrics.some(isAmount) ? ['Errors are in the unit of the target.'] : []),
    ].join(' '),
}
