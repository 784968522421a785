/** What is happening, as lines for a terminal: from events alone, so that a watcher who comes late sees the same. */
import type { RoundSite, StoredEvent } from '@wardround/core/protocol/events.ts'
import { backupWords } from '@wardround/core/words/en/backup.ts'
import { liveWords } from '@wardround/core/words/en/live.ts'
import type { Output } from './runtime.ts'

export type LiveState = {
  readonly maximumRounds: number
  readonly round: number
  /** Rounds that have ended. */
  readonly completed: number
  readonly startedAtMs: number
  readonly roundEndedAtMs: number
  readonly lastAtMs: number
  /** Site → what it is doing. */
  readonly doing: Readonly<Record<string, string>>
  readonly phase: 'waiting' | 'preparing' | 'rounds' | 'finishing' | 'ended'
}

export const initialLive: LiveState = {
  maximumRounds: 0,
  round: 0,
  completed: 0,
  startedAtMs: 0,
  roundEndedAtMs: 0,
  lastAtMs: 0,
  doing: {},
  phase: 'waiting',
}

/** The next state, and the lines that stay on the screen. */
export function applyEvent(state: LiveState, event: StoredEvent): { state: LiveState; lines: readonly string[] } {
  const at = Date.parse(event.at)
  const next = { ...state, lastAtMs: at }
  const doing = (site: string, what: string): LiveState => ({ ...next, doing: { ...state.doing, [site]: what } })
  switch (event.kind) {
    case 'study.started': {
      const { sites, maximumRounds } = event.payload
      return {
        state: { ...next, maximumRounds, phase: 'preparing', startedAtMs: at, doing: {} },
        lines: [liveWords.started(sites)],
      }
    }
    case 'study.prepared':
      return { state: { ...next, phase: 'rounds', startedAtMs: at }, lines: [liveWords.prepared(event.payload.inputs)] }
    case 'study.blocked':
      return { state: { ...next, phase: 'ended' }, lines: [liveWords.blocked(event.payload.sites)] }
    case 'round.started':
      return {
        state: {
          ...next,
          round: event.payload.round,
          doing: Object.fromEntries(event.payload.sites.map((site) => [site, liveWords.asked()])),
        },
        lines: [],
      }
    case 'round.ended': {
      const { round, metric, on, overall, sites } = event.payload
      return {
        state: { ...next, round, completed: round, roundEndedAtMs: at, doing: {} },
        lines: [roundLine(round, { metric, on, value: overall.value, n: overall.n, sites })],
      }
    }
    case 'task.assigned':
      return { state: doing(event.payload.site, liveWords.busy(event.payload.kind)), lines: [] }
    case 'task.reported':
      return { state: doing(event.payload.site, liveWords.done()), lines: [] }
    case 'task.waiting': {
      const { site, waitingFor } = event.payload
      return { state: doing(site, liveWords.waits(waitingFor)), lines: [liveWords.taskWaits(site, waitingFor)] }
    }
    case 'task.failed': {
      const { site, kind, code, refused } = event.payload
      return { state: doing(site, liveWords.failed()), lines: [liveWords.taskFailed({ site, kind, code, refused })] }
    }
    case 'study.finishing':
      return {
        state: { ...next, phase: 'finishing', doing: {} },
        lines: [liveWords.finishing(event.payload.bestRound, event.payload.stoppedBecause)],
      }
    case 'study.ended':
      return { state: { ...next, phase: 'ended', doing: {} }, lines: [] }
    case 'study.decided':
      return { state: next, lines: [liveWords.decided(event.payload.site, event.payload.decision)] }
    case 'coordinator.restored':
      return { state: { ...next, doing: {} }, lines: [backupWords.live(event.payload.madeAt)] }
    case 'site.left':
      return { state: next, lines: [liveWords.left(event.payload.site)] }
    default:
      return { state: next, lines: [] }
  }
}

type RoundFigures = {
  readonly metric: string
  readonly on: string
  readonly value: number | null
  readonly n: number | null
  readonly sites: readonly RoundSite[]
}

function roundLine(round: number, { metric, on, value, n, sites }: RoundFigures): string {
  const parts = sites.map((part) =>
    part.state === 'contributed'
      ? liveWords.siteFigure(part.site, part.value, part.n)
      : liveWords.siteMissing(part.site, part.state),
  )
  return liveWords.round({ round, metric, on, value, n, parts })
}

/** The bar at the bottom: how far, how long still at this pace, who is being waited for. */
export function statusLine(state: LiveState, width: number): string {
  const share = state.maximumRounds === 0 ? 0 : state.completed / state.maximumRounds
  const cells = Math.max(10, Math.min(30, width - 60))
  const full = Math.round(share * cells)
  const bar = `${'█'.repeat(full)}${'░'.repeat(cells - full)}`
  const waiting = Object.entries(state.doing).map(([site, what]) => `${site} ${what}`)
  return liveWords
    .status({
      bar,
      round: state.round,
      maximum: state.maximumRounds,
      secondsLeft: state.phase === 'rounds' ? secondsLeft(state) : null,
      phase: state.phase,
      waiting,
    })
    .slice(0, Math.max(0, width - 1))
}

/** At the pace of the rounds that have ended; null before there is one. */
function secondsLeft({ maximumRounds, completed, startedAtMs, roundEndedAtMs, lastAtMs }: LiveState): number | null {
  if (completed === 0) return null
  const paceMs = (roundEndedAtMs - startedAtMs) / completed
  return Math.max(0, paceMs * (maximumRounds - completed) - (lastAtMs - roundEndedAtMs)) / 1000
}

export type Screen = {
  apply(event: StoredEvent): void
  note(line: string): void
  end(): void
}

/** Draws on `output`: a bar that stays at the bottom of a terminal; plain lines anywhere else. */
export function createScreen(output: Output): Screen {
  let state = initialLive
  let drawn = false
  const clear = (): void => {
    if (drawn) output.write('\r\u001b[2K')
    drawn = false
  }
  const draw = (): void => {
    if (!output.isTTY || state.phase === 'ended' || state.phase === 'waiting') return
    output.write(`\r\u001b[2K${statusLine(state, output.columns)}`)
    drawn = true
  }
  const print = (lines: readonly string[]): void => {
    clear()
    for (const line of lines) output.write(`${line}\n`)
    draw()
  }
  return {
    apply(event) {
      const applied = applyEvent(state, event)
      state = applied.state
      print(applied.lines)
    },
    note: (line) => print([line]),
    end: clear,
  }
}
