/** `wardround simulate` as a researcher runs it at a desk; and what every command owes to the shell it is run from. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { root } from './repository.ts'
import { document, hospital, type Ran, scratch, smallStudy, smallTable, started, wardround } from './support.ts'

const folder = scratch('simulation')
/** Where a simulation keeps its keys and journals meanwhile: nothing may be left in it. */
const temporary = join(folder, 'tmp')
mkdirSync(temporary)
/** What Node has compiled is no business of a simulation's, and stays where it is. */
const env = {
  TMPDIR: temporary,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(tmpdir(), 'node-compile-cache'),
}

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
const study = file('study.yaml', smallStudy())
const north = file('north.csv', smallTable('north'))
/** Calls its columns by names of its own. */
const south = join(
  hospital(
    join(folder, 'south'),
    smallTable('south').replace('who,ill,age', 'PID,ILL,AGE_YEARS'),
    'data: { file: data.csv }\ncolumns: { who: PID, ill: ILL, age: AGE_YEARS }\npolicy: { minimumCohort: 5 }\n',
  ),
  'site.yaml',
)
const both = ['--site', `north=${north}`, '--site', `south=${south}`]

const simulate = async (...args: readonly string[]): Promise<Ran> => {
  const ran = await wardround(['simulate', ...args], { env })
  assert.deepEqual(readdirSync(temporary), [], 'nothing is left behind')
  return ran
}

const shownSchema = z.looseObject({
  synthetic: z.boolean(),
  study: z.literal('small'),
  planHash: z.string(),
  weightsSha256: z.string(),
  outcome: z.string(),
  rounds: z.int(),
  sites: z.array(z.looseObject({ name: z.string(), nTrain: z.int(), nTest: z.int() })),
  seconds: z.number(),
})

async function shown(...args: readonly string[]) {
  const ran = await simulate(...args, '--json')
  assert.equal(ran.code, 0, ran.stdout + ran.stderr)
  return shownSchema.parse(document(ran))
}

const refused = async (args: readonly string[], code: string, words: RegExp): Promise<void> => {
  const ran = await simulate(...args)
  assert.notEqual(ran.code, 0)
  assert.match(ran.stderr, new RegExp(`^${code}: `, 'm'))
  assert.match(ran.stderr, words)
  assert.doesNotMatch(ran.stderr, /\n\s+at /)
}

let plain: z.output<typeof shownSchema>

test('tables and site.yaml side by side, in any order: one result, and a report where it is wanted', async () => {
  const out = join(folder, 'report')
  plain = await shown(study, ...both, '--out', out)
  assert.equal(plain.outcome, 'completed')
  assert.deepEqual(
    plain.sites.map(({ name, nTrain, nTest }) => [name, nTrain + nTest]),
    [
      ['north', 80],
      ['south', 80],
    ],
  )
  const report = z
    .looseObject({ weightsSha256: z.string() })
    .parse(JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')))
  assert.equal(report.weightsSha256, plain.weightsSha256)
  assert.ok(readFileSync(join(out, 'report.html'), 'utf8').includes(plain.weightsSha256))

  const turned = await wardround(['simulate', study, '--site', `south=${south}`, `north=${north}`], { env })
  assert.equal(turned.code, 0, turned.stderr)
  assert.ok(turned.stdout.includes(plain.weightsSha256), 'the order of the hospitals changes no bit')
  assert.match(turned.stderr, /^Round +1 /m)
  assert.match(turned.stdout, /completed with 2 of 2 hospitals/)
})

test('--seed and --strategy make another plan, with another hash and other weights', async () => {
  const seeded = await shown(study, ...both, '--seed', '2')
  const other = await shown(study, ...both, '--strategy', 'fedYogi')
  assert.equal(new Set([plain, seeded, other].map(({ planHash }) => planHash)).size, 3)
  assert.equal(new Set([plain, seeded, other].map(({ weightsSha256 }) => weightsSha256)).size, 3)
})

test('what cannot be simulated is refused, and says why', async () => {
  await refused([study], 'WR_USAGE', /at least one hospital/)
  await refused([study, '--site', 'north'], 'WR_USAGE', /north is not name=file/)
  await refused([study, '--site', `North=${north}`], 'WR_USAGE', /is not name=file/)
  await refused([study, ...both, '--site', `north=${north}`], 'WR_USAGE', /north/)
  await refused([study, '--site', `north=${north}`], 'WR_QUORUM_IMPOSSIBLE', /needs 2 hospitals, and 1/)
  await refused([join(folder, 'absent.yaml'), ...both], 'WR_DATA_MISSING', /absent\.yaml/)
  const nowhere = ['--site', `west=${join(folder, 'absent.csv')}`]
  await refused([study, ...both, ...nowhere], 'WR_DATA_MISSING', /absent\.csv/)
})

test('Ctrl-C ends a simulation with 130, without a stack trace, and nothing is left behind', async () => {
  const long = file('long.yaml', smallStudy().replace('maximum: 3', 'maximum: 10000'))
  const program = started(['simulate', long, ...both], env)
  while (!program.output().includes('Round   3')) await sleep(20)
  assert.equal(await program.stop('SIGINT'), 130)
  assert.match(program.output(), /WR_CANCELLED/)
  assert.doesNotMatch(program.output(), /\n\s+at /)
  assert.deepEqual(readdirSync(temporary), [])
})

test('a reader that has seen enough, as `| head` has, is no failure', async () => {
  const table = file('wide.csv', smallTable('wide'))
  for (const args of [
    ['--help'],
    ['study', 'init', table],
    ['study', 'init', table, '--json'],
    ['study', 'check', study],
  ]) {
    const child = spawn(process.execPath, [join(root, 'packages/cli/src/main.ts'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, args.join(' '))
  }
})

test('--version is the version of the package', async () => {
  const { version } = z
    .looseObject({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8')))
  assert.deepEqual(await wardround(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
})
