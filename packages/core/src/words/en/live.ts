/** What a watcher reads while a study runs. */
import { figureWords } from './figures.ts'

const figure = (value: number | null): string => (value === null ? 'hidden' : value.toFixed(3))
const people = (n: number | null): string => (n === null ? 'n hidden' : `n ${n}`)

export const liveWords = {
  started: (sites: readonly string[]) => `Started with ${sites.join(', ')}. Each surveys its training records.`,
  prepared: (inputs: number) => `Prepared: ${inputs} model inputs, the same at every hospital. Rounds begin.`,
  blocked: (sites: readonly string[]) =>
    `Preflight stopped the study at ${sites.join(', ')}: wardround study show STUDY says what to mend.`,
  asked: () => 'asked',
  busy: (kind: string) =>
    ({ prepare: 'surveying', train: 'training', evaluate: 'measuring', finish: 'comparing' })[kind] ?? kind,
  done: () => 'done',
  failed: () => 'failed',
  taskFailed: ({ site, kind, code, refused }: { site: string; kind: string; code: string; refused: boolean }) =>
    `  ${site} ${refused ? 'refused' : 'failed'} (${kind}): ${code}`,
  waits: (waitingFor: 'disk') => ({ disk: 'waiting: its disk is full' })[waitingFor],
  taskWaits: (site: string, waitingFor: 'disk') =>
    `  ${site} is waiting: ${{ disk: 'its disk is full, or cannot be written' }[waitingFor]}. Somebody there must make room; it goes on by itself.`,
  siteFigure: (site: string, value: number | null, n: number | null) => `${site} ${figure(value)} (${people(n)})`,
  siteMissing: (site: string, state: string) => `${site} ${state}`,
  round: ({
    round,
    metric,
    on,
    value,
    n,
    parts,
  }: {
    round: number
    metric: string
    on: string
    value: number | null
    n: number | null
    parts: readonly string[]
  }) =>
    `Round ${String(round).padStart(3)}  ${on} ${figureWords.metric(metric)} ${figure(value)} (${people(n)})  ${parts.join('  ')}`,
  finishing: (bestRound: number, because: string) =>
    `Rounds are over (${because}); best round ${bestRound}. Each hospital trains alone for comparison, and tests once.`,
  decided: (site: string, decision: string) => `${site} ${decision}`,
  back: () => 'The coordinator answers again.',
  left: (site: string) => `${site} left the network`,
  status: ({
    bar,
    round,
    maximum,
    secondsLeft,
    phase,
    waiting,
  }: {
    bar: string
    round: number
    maximum: number
    secondsLeft: number | null
    phase: string
    waiting: readonly string[]
  }) =>
    `${bar} ${phase === 'rounds' ? `round ${round} of at most ${maximum}` : phase}${secondsLeft === null ? '' : `, at most ${Math.ceil(secondsLeft)} s left`}${waiting.length > 0 ? `  ${waiting.join(', ')}` : ''}`,
}
