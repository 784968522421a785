import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventSchema, type NewEvent, type RoundSite, type StoredEvent } from '@wardround/core/protocol/events.ts'
import fc from 'fast-check'
import { applyEvent, createScreen, initialLive, type LiveState, statusLine } from './live.ts'
import { caughtOutput } from './testing/runtime.ts'

const study = 'small-1a2b3c4d'
const startMs = Date.UTC(2026, 0, 1)

/** Events as a coordinator keeps them: [seconds after the start, event]. */
function stored(events: readonly (readonly [seconds: number, event: NewEvent])[]): StoredEvent[] {
  return events.map(([seconds, event], index) =>
    eventSchema.parse({ ...event, sequence: index + 1, at: new Date(startMs + seconds * 1000).toISOString() }),
  )
}

const task = (
  kind: 'task.assigned' | 'task.reported',
  site: string,
  { round, work }: { round: number; work: string },
) => ({ kind, study, payload: { site, task: `${study}-${work}-${round}-${site}`, kind: work, round } }) as const

const took = (site: string, part: Partial<RoundSite> = {}): RoundSite => ({
  site,
  state: 'contributed',
  n: 20,
  value: 0.5,
  seconds: 1,
  ...part,
})

const roundEnded = (round: number, sites: readonly RoundSite[]): NewEvent => ({
  kind: 'round.ended',
  study,
  payload: {
    round,
    state: 'completed',
    metric: 'loss',
    on: 'training',
    overall: { value: 0.25, low: null, high: null, n: 40 },
    sites: [...sites],
    measurements: {},
  },
})

const names = ['north', 'south']
const beginning: readonly (readonly [number, NewEvent])[] = [
  [0, { kind: 'study.started', study, payload: { sites: names, maximumRounds: 6 } }],
  [2, { kind: 'study.prepared', study, payload: { preparationHash: 'a'.repeat(64), inputs: 3 } }],
  [2, { kind: 'round.started', study, payload: { round: 1, sites: names } }],
]
const firstRound: readonly (readonly [number, NewEvent])[] = [
  [2, task('task.assigned', 'north', { round: 1, work: 'train' })],
  [2, task('task.assigned', 'south', { round: 1, work: 'train' })],
  [4, task('task.reported', 'north', { round: 1, work: 'train' })],
  [12, roundEnded(1, [took('north'), took('south', { state: 'late', n: null, value: null })])],
]
const secondRound: readonly (readonly [number, NewEvent])[] = [
  [12, { kind: 'round.started', study, payload: { round: 2, sites: names } }],
  [12, task('task.assigned', 'north', { round: 2, work: 'train' })],
  [12, task('task.assigned', 'south', { round: 2, work: 'train' })],
  [16, task('task.reported', 'south', { round: 2, work: 'train' })],
]
const ending: readonly (readonly [number, NewEvent])[] = [
  [22, roundEnded(2, [took('north'), took('south')])],
  [22, { kind: 'study.finishing', study, payload: { bestRound: 2, stoppedBecause: 'converged' } }],
  [30, { kind: 'study.ended', study, payload: { outcome: 'completed partially', stoppedBecause: 'converged' } }],
]
const whole = stored([...beginning, ...firstRound, ...secondRound, ...ending])

const stateAfter = (events: readonly StoredEvent[]): LiveState =>
  events.reduce((state, event) => applyEvent(state, event).state, initialLive)
const linesOf = (events: readonly StoredEvent[]): readonly string[] => {
  let state = initialLive
  return events.flatMap((event) => {
    const applied = applyEvent(state, event)
    state = applied.state
    return applied.lines
  })
}

test('the bar shows what has ended, not what has begun: nothing of round 1 of 6, then a sixth', () => {
  const filled = (state: LiveState): number => [...statusLine(state, 120)].filter((cell) => cell === '█').length
  assert.equal(filled(stateAfter(stored([...beginning, ...firstRound.slice(0, 3)]))), 0)
  assert.equal(filled(stateAfter(stored([...beginning, ...firstRound]))), 30 / 6)
  assert.match(statusLine(stateAfter(stored([...beginning, ...firstRound])), 120), /^█{5}░{25} round 1 of at most 6/)
})

test('no time is promised before a round has ended; then the pace of the rounds so far, less what has passed since', () => {
  assert.doesNotMatch(statusLine(stateAfter(stored([...beginning, ...firstRound.slice(0, 3)])), 120), /left/)
  // Round 1 took 10 s after the preparation; five rounds are left.
  assert.match(statusLine(stateAfter(stored([...beginning, ...firstRound])), 120), /at most 50 s left/)
  // Four seconds into round 2.
  assert.match(statusLine(stateAfter(stored([...beginning, ...firstRound, ...secondRound])), 120), /at most 46 s left/)
  // A round may take longer than all before it: the rest is never negative.
  const long = stored([...beginning, ...firstRound, ...secondRound, [9999, roundEnded(6, [took('north')])]])
  assert.match(statusLine(stateAfter(long), 120), /at most 0 s left/)
})

test('the bar says who is doing what', () => {
  const waiting = stateAfter(stored([...beginning]))
  assert.match(statusLine(waiting, 120), / {2}north asked, south asked$/)
  const training = stateAfter(stored([...beginning, ...firstRound.slice(0, 3)]))
  assert.match(statusLine(training, 120), / {2}north done, south training$/)
  const measuring = stored([
    ...beginning,
    ...firstRound.slice(0, 3),
    [5, task('task.assigned', 'north', { round: 1, work: 'evaluate' })],
  ])
  assert.match(statusLine(stateAfter(measuring), 120), / {2}north measuring, south training$/)
})

test('the line of a round tells each hospital: its figure and patients, hidden ones, late, failed and refused ones', () => {
  const sites = [
    took('early', { value: 0.12345, n: 31 }),
    took('small', { value: null, n: null }),
    took('slow', { state: 'late', value: null, n: null }),
    took('sick', { state: 'failed', code: 'WR_TRAINING_DIVERGED', value: null, n: null }),
    took('proud', { state: 'refused', code: 'WR_NOT_APPROVED', value: null, n: null }),
  ]
  const [line = ''] = linesOf(stored([[0, roundEnded(7, sites)]]))
  assert.match(line, /^Round +7 {2}training loss 0\.250 \(n 40\)/)
  assert.match(line, /early 0\.123 \(n 31\) {2}small hidden \(n hidden\) {2}slow late {2}sick failed {2}proud refused$/)
})

test('a failed task is said at once, with its code; a refusal as a refusal', () => {
  const failed = (refused: boolean): NewEvent => ({
    kind: 'task.failed',
    study,
    payload: {
      site: 'north',
      task: `${study}-train-1-north`,
      kind: 'train',
      round: 1,
      code: 'WR_TRAINING_DIVERGED',
      parameters: {},
      refused,
    },
  })
  assert.match(linesOf(stored([[0, failed(false)]])).join('\n'), /north failed \(train\): WR_TRAINING_DIVERGED/)
  assert.match(linesOf(stored([[0, failed(true)]])).join('\n'), /north refused \(train\): WR_TRAINING_DIVERGED/)
  assert.match(statusLine(stateAfter(stored([...beginning, [3, failed(false)]])), 120), /north failed/)
})

test('decisions, departures, blocked studies and the end are said', () => {
  const lines = linesOf(
    stored([
      [0, { kind: 'study.decided', study, payload: { site: 'north', decision: 'approved' } }],
      [0, { kind: 'site.left', study: null, payload: { site: 'west' } }],
      [0, { kind: 'study.blocked', study, payload: { sites: ['south'] } }],
      ...ending,
    ]),
  )
  assert.equal(lines[0], 'north approved')
  assert.match(lines[1] ?? '', /^west left/)
  assert.match(lines[2] ?? '', /Preflight stopped the study at south/)
  assert.match(lines.at(-1) ?? '', /converged.*best round 2/)
})

/** What a terminal shows at the end: what stood on a line before it was wiped is gone. */
const wiped = '\r\u001b[2K'
const remaining = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.split(wiped).at(-1))
    .join('\n')

test('not a terminal: lines and nothing else', () => {
  const output = caughtOutput()
  const screen = createScreen(output)
  for (const event of whole) screen.apply(event)
  screen.note('a note')
  screen.end()
  assert.equal(output.text(), `${[...linesOf(whole), 'a note'].join('\n')}\n`)
  for (const mark of ['\r', '\u001b', '█', '░']) assert.ok(!output.text().includes(mark))
})

test('in a terminal the bar is drawn below the lines and wiped away at the end: the same lines remain', () => {
  const output = caughtOutput({ isTTY: true, columns: 80 })
  const screen = createScreen(output)
  for (const event of whole.slice(0, -1)) screen.apply(event)
  assert.match(output.text(), /░[^\n]*$/, 'the bar is the last thing on the screen')
  screen.end()
  assert.equal(remaining(output.text()), `${linesOf(whole).join('\n')}\n`)
  const drawn = output.text().length
  screen.end()
  assert.equal(output.text().length, drawn, 'nothing is left to wipe')
})

test('the bar goes when the study ends, and none is drawn while nothing runs', () => {
  const output = caughtOutput({ isTTY: true })
  const screen = createScreen(output)
  screen.note('before')
  assert.equal(output.text(), 'before\n')
  for (const event of whole) screen.apply(event)
  assert.doesNotMatch(remaining(output.text()), /[█░]/)
})

test('a watcher who comes late sees the same lines and the same bar as one who was there from the start', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length }), fc.integer({ min: 0, max: whole.length }), (a, b) => {
      const [now, cut] = [Math.max(a, b), Math.min(a, b)]
      const there = caughtOutput({ isTTY: true, columns: 90 })
      const screen = createScreen(there)
      for (const event of whole.slice(0, cut)) screen.apply(event)
      screen.note('somebody else comes')
      for (const event of whole.slice(cut, now)) screen.apply(event)
      const late = caughtOutput({ isTTY: true, columns: 90 })
      const second = createScreen(late)
      for (const event of whole.slice(0, now)) second.apply(event)
      assert.equal(remaining(there.text()).replace('somebody else comes\n', ''), remaining(late.text()))
    }),
  )
})

test('the bar never wraps, however narrow the terminal and however many the hospitals', () => {
  const site = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/)
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.uniqueArray(site, { minLength: 1, maxLength: 30 }),
      (width, sites) => {
        const events = stored([
          [0, { kind: 'study.started', study, payload: { sites, maximumRounds: 60 } }],
          [1, { kind: 'study.prepared', study, payload: { preparationHash: 'a'.repeat(64), inputs: 3 } }],
          [1, { kind: 'round.started', study, payload: { round: 1, sites } }],
        ])
        assert.ok(statusLine(stateAfter(events), width).length < Math.max(2, width))
      },
    ),
  )
})
