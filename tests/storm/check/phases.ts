/** No phase goes back: of the study, of a round, of a task. What was written down once stays. */
import type { RoundPhase, RoundRow, TaskRow } from '@wardround/coordinator/store/schema.ts'
import type { StudyState } from '@wardround/core/protocol/summaries.ts'
import { type Check, must } from './check.ts'

const phases: readonly RoundPhase[] = ['recruiting', 'collecting', 'aggregating', 'evaluating', 'completed']
/** What may follow a study's state; each may follow itself. Blocked studies are started again. */
const following: Readonly<Record<StudyState, readonly StudyState[]>> = {
  published: ['preparing'],
  preparing: ['blocked', 'running'],
  blocked: ['preparing'],
  running: ['finishing'],
  finishing: ['ended'],
  ended: [],
}

export function phasesGoForward(): Check {
  let state: StudyState = 'published'
  let rounds: readonly RoundRow[] = []
  let tasks: readonly TaskRow[] = []
  return (seen) => {
    const next = seen.study.state
    must(reachable(state, next), 'phases', () => `the study went from ${state} to ${next}`)
    state = next
    must(seen.rounds.length >= rounds.length, 'phases', () => 'a round is gone')
    for (const [index, before] of rounds.entries()) requireForward(before, seen.rounds[index])
    seen.rounds.forEach((round, index) => {
      must(round.number === index + 1, 'phases', () => `round ${round.number} is in the place of ${index + 1}`)
      const over = index === seen.rounds.length - 1 || round.phase === 'completed'
      must(over, 'phases', () => `round ${round.number} is ${round.phase}, and another has begun`)
    })
    const now = new Map(seen.tasks.map((task) => [task.id, task]))
    for (const before of tasks) requireSettledOnce(before, now.get(before.id))
    ;[rounds, tasks] = [seen.rounds, seen.tasks]
  }
}

/** In any number of steps, as between two looks there may be several. */
function reachable(from: StudyState, to: StudyState, steps = 4): boolean {
  return from === to || (steps > 0 && following[from].some((next) => reachable(next, to, steps - 1)))
}

function requireForward(before: RoundRow, now: RoundRow | undefined): void {
  const name = `round ${before.number}`
  must(now !== undefined, 'phases', () => `${name} is gone`)
  const rank = ({ phase }: RoundRow): number => (phase === 'abandoned' ? phases.length : phases.indexOf(phase))
  must(rank(now) >= rank(before), 'phases', () => `${name} went from ${before.phase} to ${now.phase}`)
  const ended = before.phase === 'completed' || before.phase === 'abandoned'
  must(!ended || now.phase === before.phase, 'phases', () => `${name} was ${before.phase}, and is ${now.phase}`)
  must(now.weights_in === before.weights_in, 'phases', () => `${name} starts from other weights`)
  for (const member of ['weights_out', 'strategy_state'] as const)
    must(before[member] === null || now[member] === before[member], 'phases', () => `${name} has another ${member}`)
}

function requireSettledOnce(before: TaskRow, now: TaskRow | undefined): void {
  must(now !== undefined, 'phases', () => `task ${before.id} is gone`)
  must(now.document === before.document, 'phases', () => `task ${before.id} is another document`)
  if (before.state === 'open') return
  must(now.state === before.state, 'phases', () => `task ${before.id} was ${before.state}, and is ${now.state}`)
  must(now.result === before.result, 'phases', () => `task ${before.id} has another result`)
}
