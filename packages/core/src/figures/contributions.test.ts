import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RoundSite } from '../protocol/events.ts'
import type { Results } from '../protocol/results.ts'
import { contributionRows, contributionsMatrix, roundsPerColumn } from './contributions.ts'
import { render } from './markup.ts'
import { named, readXml, textOf } from './testing/xml-reader.ts'

type State = RoundSite['state'] | null
const states: Readonly<Record<string, State>> = {
  c: 'contributed',
  w: 'working',
  l: 'late',
  f: 'failed',
  r: 'refused',
  '.': null,
}

/** A letter for each round; a dot where the hospital was not in the study. */
function runOf(letters: Readonly<Record<string, string>>): Pick<Results, 'rounds' | 'expected'> {
  const expected = Object.keys(letters)
  const length = Math.max(...Object.values(letters).map((text) => text.length))
  const rounds = Array.from({ length }, (_, index) => ({
    round: index + 1,
    state: 'completed' as const,
    overall: { value: null, low: null, high: null, n: null },
    sites: expected.flatMap((site) => {
      const state = states[letters[site]?.[index] ?? '.'] ?? null
      return state === null ? [] : [{ site, state, n: null, value: null, seconds: 0 }]
    }),
    measurements: {},
    startedAt: '',
    endedAt: '',
  }))
  return { rounds, expected }
}

test('each cell says who, when and what; a hospital outside the study has none', () => {
  const { figure } = contributionsMatrix(runOf({ a: 'cccc', b: '.clf', c: 'rc..' }))
  const cells = named(readXml(render(figure)), 'g')
  assert.deepEqual(
    cells.map((cell) => `${cell.attributes['data-state']} | ${textOf(named(cell, 'title')[0] ?? cell)}`),
    [
      ...[1, 2, 3, 4].map((round) => `contributed | a, round ${round}: contributed`),
      'contributed | b, round 2: contributed',
      'late | b, round 3: late',
      'failed | b, round 4: failed',
      'refused | c, round 1: refused',
      'contributed | c, round 2: contributed',
    ],
  )
})

test('states differ in shape, not only in colour', () => {
  const { figure } = contributionsMatrix(runOf({ a: 'cwlfr' }))
  const shapes = named(readXml(render(figure)), 'g').map((cell) =>
    cell.children.map((child) => (typeof child === 'string' ? '' : child.name)).join(' '),
  )
  assert.equal(new Set(shapes).size, 5)
})

test('rounds counted are those that a hospital was to take part in', () => {
  assert.deepEqual(
    contributionRows(runOf({ a: '..clc' })).map(({ contributed, rounds }) => [contributed, rounds]),
    [[2, 3]],
  )
})

test('in a long study rounds share a column, which shows the worst of them and stays inside the drawing', () => {
  const letters = `${'c'.repeat(500)}f${'c'.repeat(499)}`
  const run = runOf({ a: letters })
  assert.equal(roundsPerColumn(1000), 13)
  const [row] = contributionRows(run)
  assert.equal(row?.cells.length, 77)
  assert.deepEqual(
    row?.cells.filter(({ state }) => state === 'failed'),
    // Column 39 holds rounds 495 to 507, and round 501 failed.
    [{ from: 495, to: 507, state: 'failed' }],
  )
  const { figure, width } = contributionsMatrix(run)
  for (const { attributes } of named(readXml(render(figure)), 'rect'))
    assert.ok(Number(attributes.x) + Number(attributes.width) <= width)
})
