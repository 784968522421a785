import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Figures, type Run, rowsOf, secondsPerRound, tableOf } from './rows.ts'

const figures = (change: Partial<Figures>): Figures => ({
  seconds: 10,
  secondsPerRound: 1,
  peakMb: 500,
  peakRssMb: 900,
  bytes: 2_000_000,
  accuracy: 0.75,
  ...change,
})
const run = (system: string, threads: string, change: Partial<Figures>): Run => ({
  system,
  mode: 'deployment',
  threads,
  figures: figures(change),
})

test('seconds a round are between ends of rounds: the start before the first is not in them', () => {
  assert.equal(secondsPerRound([100]), null)
  assert.equal(secondsPerRound([100, 102, 103, 113]), 2)
})

test('of two settings of threads the faster at the median is shown, with its own figures throughout', () => {
  const [row] = rowsOf([
    run('Flower', 'default', { seconds: 30, peakMb: 100 }),
    run('Flower', '1', { seconds: 20, peakMb: 300 }),
    run('Flower', 'default', { seconds: 10, peakMb: 100 }),
    run('Flower', '1', { seconds: 14, peakMb: 400 }),
    run('Flower', 'default', { seconds: 32, peakMb: 100 }),
    run('Flower', '1', { seconds: 16, peakMb: 500 }),
  ])
  assert.deepEqual(row, {
    system: 'Flower',
    mode: 'deployment',
    ...figures({ seconds: 16, peakMb: 400 }),
    threads: '1',
    runs: 3,
  })
})

test('a peer without figures is a row of nulls with its reason, and invents nothing; one failed run of several does not hide the rest', () => {
  const failed: Run = { system: 'NVFlare', mode: 'simulation', threads: '1', problem: 'not installed' }
  const rows = rowsOf([run('Wardround', 'default', {}), failed])
  assert.deepEqual(rows[1], {
    system: 'NVFlare',
    mode: 'simulation',
    seconds: null,
    secondsPerRound: null,
    peakMb: null,
    peakRssMb: null,
    bytes: null,
    accuracy: null,
    problem: 'not installed',
  })
  const [mended] = rowsOf([failed, { ...run('NVFlare', '1', {}), mode: 'simulation' }])
  assert.equal(mended?.seconds, 10)
})

test('the table shows ratios to the first row, and the reason of a row without figures', () => {
  const lines = tableOf(
    rowsOf([
      run('Wardround', 'default', { seconds: 5, peakMb: 400 }),
      run('Flower', '1', { seconds: 600, peakMb: 1000 }),
      { system: 'NVFlare', mode: 'simulation', threads: '1', problem: 'not installed' },
    ]),
    { rounds: 30, runs: 1 },
  )
  const [flower = '', nvflare = ''] = ['Flower ', 'NVFlare '].map((name) => lines.find((line) => line.startsWith(name)))
  assert.match(flower, /600\.0 .* 0\.7500 +120× +2\.5×$/)
  assert.match(nvflare, /( -){7}$|(-\s+){6}-$/)
  assert.ok(lines.includes('NVFlare, simulation: not installed'))
})
