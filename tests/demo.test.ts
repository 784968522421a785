/** `wardround demo` as people run it: real processes, on the real data where it lies beside the project, and on the synthetic twin. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { z } from 'zod'
import { root } from './repository.ts'
import { document, type Ran, type Running, scratch, started, wardround } from './support.ts'

const folder = scratch('demo')
const main = join(root, 'packages/cli/src/main.ts')
/** A proxy that nobody answers at: nothing can be downloaded, and a demo inside one machine needs none. */
const offline = {
  XDG_CACHE_HOME: join(folder, 'cache'),
  HTTPS_PROXY: 'http://127.0.0.1:9',
  https_proxy: '',
  NO_PROXY: '',
}
const beside = ['', 'original'].some((name) =>
  existsSync(join(root, '../shared/data/heart_disease', name, 'processed.cleveland.data')),
)

/** For all other commands, which heed what the environment says. */
const inside = { ...offline, NO_PROXY: '127.0.0.1' }

const run = (args: readonly string[], env = inside): Promise<Ran> => wardround(args, { env, timeoutMs: 120_000 })
const demo = (name: string, ...args: readonly string[]): Promise<Ran> =>
  run(['demo', '--out', join(folder, name), ...args], offline)

const estimate = z
  .strictObject({ value: z.number(), low: z.number(), high: z.number(), n: z.int().min(10) })
  .refine(({ value, low, high }) => 0 <= low && low <= value && value <= high && high <= 1)
const model = z.strictObject({ accuracy: estimate, auroc: estimate, brier: estimate })
const models = { local: model, federated: model, centralised: model }
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const demoSchema = z.looseObject({
  synthetic: z.boolean(),
  study: z.literal('heart-disease'),
  planHash: sha256,
  weightsSha256: sha256,
  rounds: z.int().min(1),
  stoppedBecause: z.enum(['converged', 'maximum rounds']),
  seconds: z.number().positive(),
  bytesUp: z.int().positive(),
  bytesDown: z.int().positive(),
  sites: z.array(z.looseObject({ name: z.string(), nTrain: z.int(), nTest: z.int(), ...models })),
  overall: z.strictObject(models),
})
type Demo = z.output<typeof demoSchema>

/** The one document of a run that worked. */
function shown(ran: Ran): Demo {
  assert.equal(ran.code, 0, ran.stdout + ran.stderr)
  assert.equal(ran.stdout.indexOf('\n'), ran.stdout.length - 1, 'one document on one line')
  return demoSchema.parse(document(ran))
}

/** What a run says apart from its time and traffic, which no two runs have in common. */
const figures = ({ weightsSha256, planHash, rounds, sites, overall }: Demo) => ({
  weightsSha256,
  planHash,
  rounds,
  sites,
  overall,
})

const text = (...path: readonly string[]): string => readFileSync(join(folder, ...path), 'utf8')
const reportOf = (name: string) =>
  z.looseObject({ synthetic: z.boolean(), weightsSha256: sha256 }).parse(JSON.parse(text(name, 'report.json')))

/** Everything that a browser would fetch for a page. */
function referencesIn(html: string): string[] {
  const attributes = [...html.matchAll(/\s(?:src|srcset|href|xlink:href|action|data|poster|background)="([^"]*)"/g)]
  const styles = [...html.matchAll(/url\(\s*["']?([^"')]*)|@import\s+([^;]*)/g)]
  return [...attributes, ...styles]
    .map(([, one, other]) => one ?? other ?? '')
    .filter((target) => !target.startsWith('#') && !target.startsWith('data:'))
}

const hospitals = ['budapest', 'cleveland', 'longbeach', 'zurich']
let first: Demo

test('one command: one document with every figure, a report that needs nothing else, and a line a round', async () => {
  const ran = await demo('first', '--json')
  first = shown(ran)
  assert.equal(first.synthetic, !beside)
  assert.deepEqual(
    first.sites.map(({ name }) => name),
    hospitals,
  )
  const lines = ran.stderr.match(/^Round +\d+ .*$/gm) ?? []
  assert.equal(lines.length, first.rounds)
  for (const name of hospitals) assert.ok(lines.every((line) => line.includes(`${name} `)))
  // Every model of a hospital is measured on the same patients, and all together on all of them.
  for (const { nTest, local, federated, centralised } of first.sites) {
    for (const measured of [local, federated, centralised])
      for (const { n } of Object.values(measured)) assert.equal(n, nTest)
  }
  const everybody = first.sites.reduce((sum, { nTest }) => sum + nTest, 0)
  assert.equal(first.overall.federated.auroc.n, everybody)
  assert.equal(first.overall.centralised.auroc.n, everybody)
  assert.equal(reportOf('first').weightsSha256, first.weightsSha256)
  const html = text('first', 'report.html')
  assert.ok(html.includes(first.weightsSha256))
  assert.deepEqual(referencesIn(html), [])
  assert.doesNotMatch(html, /<(?:script|link|iframe|object|embed|base)\b/i)
})

test('the page test finds what a page would fetch', () => {
  const page = '<img src="a.png"><a href="#x"></a><style>@import "b.css"; p { background: url(c.gif) }</style>'
  assert.equal(referencesIn(page).length, 3)
})

test('again, for people: the same weights, the table, and where everything is', async () => {
  const { code, stdout, stderr } = await demo('second')
  assert.equal(code, 0, stderr)
  assert.equal(stderr, '')
  assert.ok(stdout.includes(first.weightsSha256), 'the same to the bit')
  assert.match(stdout, /completed with 4 of 4 hospitals/)
  for (const name of ['report.html', 'report.json']) assert.ok(stdout.includes(join(folder, 'second', name)))
  for (const name of hospitals) assert.match(stdout, new RegExp(`^${name} +\\d+ +local only`, 'm'))
  assert.equal(stdout.includes('SYNTHETIC'), first.synthetic)
  assert.ok(![...stdout].includes('\u001b'), 'no colours where there is no terminal')
  assert.equal(reportOf('second').weightsSha256, first.weightsSha256)
})

test('on PostgreSQL: the same weights and figures to the bit', async () => {
  const postgres = shown(await demo('postgres', '--json', '--store', 'postgres'))
  assert.deepEqual(figures(postgres), figures(first))
  assert.ok(!existsSync(join(folder, 'postgres', 'coordinator', 'coordinator.sqlite')))
  assert.ok(existsSync(join(folder, 'first', 'coordinator', 'coordinator.sqlite')))
})

/** The study and the hospitals of a demo, as `simulate` takes them. */
const example = join(root, 'examples/heart-disease/study.yaml')
const simulated = (name: string, sites: readonly string[]): string[] =>
  sites.flatMap((site) => ['--site', `${site}=${join(folder, name, site, 'site.yaml')}`])

test('a simulation of the same study, names and seed, in one process: the same weights and figures to the bit', async () => {
  const simulation = shown(await run(['simulate', example, ...simulated('first', hospitals.toReversed()), '--json']))
  assert.deepEqual(figures(simulation), figures(first))
})

/** With a quorum that two hospitals can meet, as the demo publishes it for two. */
const pairStudy = join(folder, 'pair.yaml')
writeFileSync(pairStudy, readFileSync(example, 'utf8').replace('quorum: 3', 'quorum: 2'))
const pair = ['budapest', 'cleveland']

test('other hospitals, another seed, another strategy: what was asked for, with other weights', async () => {
  const asked = ['--seed', '2', '--strategy', 'fedProx']
  const other = shown(await demo('other', '--json', '--sites', 'cleveland,budapest', ...asked))
  assert.deepEqual(
    other.sites.map(({ name }) => name),
    pair,
  )
  assert.notEqual(other.weightsSha256, first.weightsSha256)
  const { plan } = z
    .looseObject({ plan: z.looseObject({ seed: z.int(), strategy: z.looseObject({}) }) })
    .parse(JSON.parse(text('other', 'report.json')))
  assert.equal(plan.seed, 2)
  assert.deepEqual(Object.keys(plan.strategy), ['fedProx'])
  const same = shown(await run(['simulate', pairStudy, ...simulated('other', pair), ...asked, '--json']))
  assert.deepEqual(figures(same), figures(other))
  const seeded = shown(await run(['simulate', pairStudy, ...simulated('other', pair), ...asked.slice(2), '--json']))
  assert.notEqual(seeded.weightsSha256, other.weightsSha256, 'another seed, other weights')
})

type Group = { readonly child: ChildProcess; readonly output: () => string; readonly ended: Promise<number | null> }

/** A program as a terminal starts it: leader of a process group, which Ctrl-C reaches as a whole. */
function group(args: readonly string[], env = offline): Group {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (more: string) => {
      output += more
    })
  return { child, output: () => output, ended: new Promise((resolve) => child.on('close', resolve)) }
}

async function appears(words: string, output: () => string): Promise<void> {
  for (let waitedMs = 0; !output().includes(words); waitedMs += 20) {
    assert.ok(waitedMs < 60_000, `${words} did not come: ${output()}`)
    await sleep(20)
  }
}

/** Whether any process of a group is alive. */
function alive(leader: number): boolean {
  try {
    process.kill(-leader, 0)
    return true
  } catch {
    return false
  }
}

/** Ctrl-C. The exit code; nobody of the group is left, and no stack trace was printed. */
async function interrupted({ child, output, ended }: Group): Promise<number | null> {
  const leader = child.pid ?? 0
  process.kill(-leader, 'SIGINT')
  const code = await ended
  for (let waitedMs = 0; alive(leader); waitedMs += 20) {
    assert.ok(waitedMs < 5000, `a process of ${leader} is left`)
    await sleep(20)
  }
  assert.doesNotMatch(output(), /\n\s+at |WR_INTERNAL/)
  return code
}

const at = (name: string, ...more: readonly string[]): string => join(folder, 'stopped', name, ...more)
const access = ['--access', at('coordinator', 'access')]
const programs: Running[] = []
after(() => Promise.all(programs.map((program) => program.stop())))
const goOn = (args: readonly string[]): Running => {
  const program = started(args, inside)
  programs.push(program)
  return program
}
const stopped = async (program: Running): Promise<number | null> => {
  const code = await program.stop('SIGINT')
  assert.doesNotMatch(program.output(), /\n\s+at |WR_INTERNAL/)
  return code
}

test('Ctrl-C as soon as the demo begins ends it with 130 and leaves nobody behind', async () => {
  const early = group(['demo', '--out', join(folder, 'early'), '--sites', pair.join(',')])
  await appears('cleveland approved', early.output)
  assert.equal(await interrupted(early), 130)
})

test('Ctrl-C in the middle of a demo, of a site, a coordinator and a watcher: the same folders go on to the same weights', async () => {
  const first = group(['demo', '--out', join(folder, 'stopped'), '--sites', pair.join(',')])
  await appears('Round   3', first.output)
  assert.equal(await interrupted(first), 130)
  assert.match(first.output(), /WR_CANCELLED/)
  for (const name of pair) {
    const { holds, tornBytes } = document<{ holds: boolean; tornBytes: number }>(
      await run(['site', 'journal', 'verify', '--dir', at(name), '--json']),
    )
    assert.deepEqual({ holds, tornBytes }, { holds: true, tornBytes: 0 })
  }

  const { port } = new URL(decodeToken('access', readFileSync(at('coordinator', 'access'), 'utf8')).url)
  const coordinate = () => goOn(['coordinator', '--dir', at('coordinator'), '--port', port, '--json'])
  const coordinator = coordinate()
  await coordinator.firstLine
  const [{ id = '' } = {}] = document<{ studies: { id: string }[] }>(
    await run(['study', 'list', ...access, '--json']),
  ).studies
  const watcher = group(['study', 'watch', id, ...access], inside)
  await appears('Round   2', watcher.output)
  assert.equal(await interrupted(watcher), 130)

  // Somebody asks to sign and gives no answer: nothing is signed.
  const unanswered = await run(['site', 'approve', id, '--dir', at('cleveland')])
  assert.equal(unanswered.code, 0, unanswered.stderr)
  assert.match(unanswered.stdout, /Nothing was signed\.\n$/)

  const work = (name: string) => goOn(['site', 'run', '--dir', at(name)])
  const [budapest, cleveland] = [work('budapest'), work('cleveland')]
  await appears('training', cleveland.output)
  assert.equal(await stopped(cleveland), 0)
  assert.equal(await stopped(coordinator), 0)
  await coordinate().firstLine
  work('cleveland')

  const watched = document<{ outcome: string }>(await run(['study', 'watch', id, ...access, '--json']))
  assert.equal(watched.outcome, 'completed')
  const resumed = document<{ weightsSha256: string }>(await run(['study', 'results', id, ...access, '--json']))
  const whole = shown(await run(['simulate', pairStudy, ...simulated('stopped', pair), '--json']))
  assert.equal(resumed.weightsSha256, whole.weightsSha256)
  assert.equal(await stopped(budapest), 0)
})

test('a project with no data beside it and no line: the twin, and SYNTHETIC wherever figures stand', async () => {
  const project = join(folder, 'elsewhere', 'project')
  mkdirSync(project, { recursive: true })
  for (const part of ['packages/cli', 'examples/heart-disease'])
    cpSync(join(root, part), join(project, part), { recursive: true, filter: (path) => !path.includes('node_modules') })
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'), 'dir')
  const out = join(folder, 'twin')
  const child = spawn(
    process.execPath,
    [join(project, 'packages/cli/src/main.ts'), 'demo', '--out', out, '--sites', pair.join(',')],
    { cwd: project, env: { ...process.env, ...offline }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    stdout += more
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  rmSync(join(project, 'node_modules'))
  assert.equal(code, 0, stdout)
  const [head = '', table = ''] = stdout.split(/^Rounds are over.*$/m)
  assert.match(head, /SYNTHETIC/, 'before the first figure')
  assert.match(table, /SYNTHETIC/, 'and beside the last')
  assert.equal(reportOf('twin').synthetic, true)
  for (const name of ['report.html', 'report.json']) assert.match(text('twin', name), /SYNTHETIC/)
  assert.ok(!existsSync(join(folder, 'cache', 'wardround')), 'what is made up is not kept as data')
  // On the same made-up patients, `--json` of a simulation would not know; the demo says so in its document.
  if (!beside) assert.equal(first.synthetic, true)
})
