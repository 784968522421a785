/** The words of the result table in a terminal. */
type Verdict = 'better' | 'worse' | 'unclear'

const kilobytes = (bytes: number): string =>
  bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`

export const tableWords = {
  title: (study: string, outcome: string, { contributed, expected }: { contributed: number; expected: number }) =>
    `${study}: ${outcome === 'completed' || outcome === 'completed partially' ? `completed with ${contributed} of ${expected} hospitals` : `${outcome}, ${contributed} of ${expected} hospitals in every round`}`,
  header: () => ['hospital', 'n', 'model', 'accuracy (95 %)', 'AUROC (95 %)', 'Brier'],
  overall: () => 'all together',
  local: () => 'local only',
  federated: () => 'federated',
  centralised: () => 'centralised',
  hidden: () => 'hidden',
  none: () => '–',
  verdict: (site: string, { accuracy, auroc, brier }: { accuracy: Verdict; auroc: Verdict; brier: Verdict }) => {
    const parts = Object.entries({ accuracy, AUROC: auroc, 'Brier score': brier }).filter(
      ([, verdict]) => verdict !== 'unclear',
    )
    return `${site}: ${parts.length === 0 ? 'federated and local only cannot be told apart on these patients' : `federated is ${parts.map(([name, verdict]) => `${verdict} in ${name}`).join(', ')} than local only`}`
  },
  rounds: (rounds: number, best: number, because: string) =>
    `${rounds} rounds (${because}); the model is that of round ${best}.`,
  traffic: (up: number, down: number) => `Sent by the hospitals: ${kilobytes(up)}; received: ${kilobytes(down)}.`,
  weights: (sha256: string) => `SHA-256 of the weights: ${sha256}`,
  plan: (hash: string) => `Plan hash: ${hash}`,
  method: () =>
    'n: test patients, scored once. Intervals: bootstrap over patients. AUROC exact at a hospital, from 200 bins for all together.',
}
