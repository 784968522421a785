/** The words of the result table in a terminal. */
import type { Estimate } from '../../metrics/schema.ts'
import { figureWords, type Verdict } from './figures.ts'
import { sizeInWords } from './size.ts'

const decimals = (value: number): string => value.toFixed(3)

export const tableWords = {
  title: (study: string, outcome: string, { contributed, expected }: { contributed: number; expected: number }) =>
    `${study}: ${outcome === 'completed' || outcome === 'completed partially' ? `completed with ${contributed} of ${expected} hospitals` : `${outcome}, ${contributed} of ${expected} hospitals in every round`}`,
  /** The Brier score stands without its interval: a terminal is 80 columns wide. */
  header: (metrics: readonly string[]) => [
    'hospital',
    'n',
    'model',
    ...metrics.map((metric) => (metric === 'brier' ? 'Brier' : `${figureWords.metric(metric)} (95 %)`)),
    ...(metrics.length === 0 ? [figureWords.metric('meanSquaredError')] : []),
  ],
  overall: figureWords.overall,
  model: figureWords.model,
  n: (n: number | null) => (n === null ? 'hidden' : String(n)),
  estimate: (metric: string, { value, low, high }: Estimate) => {
    if (value === null) return '–'
    if (metric === 'brier' || low === null || high === null) return decimals(value)
    return `${decimals(value)} (${decimals(low)}–${decimals(high)})`
  },
  error: (value: number | null) => (value === null ? '–' : value.toPrecision(4)),
  hiddenAt: (site: string) => `${site}: ${figureWords.hidden()}`,
  verdict: (site: string, verdicts: readonly { readonly metric: string; readonly verdict: Verdict }[]) => {
    const clear = verdicts.filter(({ verdict }) => verdict !== 'unclear')
    if (clear.length === 0) return `${site}: federated and local only cannot be told apart on these patients`
    const parts = clear.map(({ metric, verdict }) => `${verdict} in ${figureWords.metric(metric)}`)
    return `${site}: federated is ${parts.join(', ')} than local only`
  },
  rounds: (rounds: number, best: number, because: string) =>
    `${rounds} rounds (${because}); the model is that of round ${best}.`,
  traffic: (up: number, down: number) => `Sent by the hospitals: ${sizeInWords(up)}; received: ${sizeInWords(down)}.`,
  weights: (sha256: string) => `SHA-256 of the weights: ${sha256}`,
  plan: (hash: string) => `Plan hash: ${hash}`,
  method: (metrics: readonly string[]) =>
    `n: test patients, scored once. Intervals: bootstrap over patients. ${
      metrics.includes('concordance')
        ? 'Concordance compares patients of one hospital; for all together the pairs of each are counted, without an interval.'
        : 'AUROC exact at a hospital, from 200 bins for all together.'
    }`,
}
