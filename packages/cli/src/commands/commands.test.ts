/** Every command once, as scripts run it: over a real coordinator and real sites, each answer one JSON document; and each once in vain. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isErrorCode, registry } from '@wardround/core/errors.ts'
import type { Clock } from '@wardround/core/ports.ts'
import { testCsv, testPlan } from '@wardround/site/testing/hospital.ts'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { z } from 'zod'
import { buildProgram, commandNames } from '../program.ts'
import { type Ran, ran, testRuntime, type World } from '../testing/runtime.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-commands-'))
after(() => rmSync(folder, { recursive: true }))

const clock: Clock = {
  now: () => Date.now(),
  steadyNow: () => Date.now(),
  sleep: (delayMs, signal) =>
    sleep(delayMs, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
      if (signal?.aborted !== true) throw error
    }),
}
const world: World = { clock, entropy: (sizeBytes) => randomBytes(sizeBytes), env: { WARDROUND_HOME: folder } }

const done = new Set<string>()

/** The one document, on one line. */
function documentOf({ stdout }: Pick<Ran, 'stdout'>): unknown {
  assert.equal(stdout.indexOf('\n'), stdout.length - 1, stdout)
  return JSON.parse(stdout)
}

/** A command with --json that must succeed, and say something of this form. */
async function json<T extends z.ZodType>(command: string, args: readonly string[], schema: T): Promise<z.output<T>> {
  done.add(command)
  const result = await ran([...command.split(' '), ...args, '--json'], world)
  assert.equal(result.code, 0, `${command}: ${result.stdout} ${result.stderr}`)
  return schema.parse(documentOf(result))
}

/** The same for people: sentences, without the holes that a forgotten parameter leaves. */
async function words(command: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await ran([...command.split(' '), ...args], world)
  assert.equal(code, 0, stderr)
  assert.doesNotMatch(stdout, /undefined|\[object|NaN/, command)
  assert.notEqual(stdout, '', command)
  return stdout
}

type Program = { readonly stdout: () => string; stop(): Promise<{ code: number; stdout: string; stderr: string }> }

/** A command that works until Ctrl-C. */
function started(command: string, args: readonly string[]): Program {
  done.add(command)
  const stop = new AbortController()
  const { runtime, stdout, stderr } = testRuntime({ ...world, signal: stop.signal })
  const ended = buildProgram(runtime).run([...command.split(' '), ...args, '--json'])
  return {
    stdout: stdout.text,
    stop: async () => {
      stop.abort()
      return { code: await ended, stdout: stdout.text(), stderr: stderr.text() }
    },
  }
}

const anything = z.looseObject({})
const idOf = z.looseObject({ id: z.string() })
const statusOf = z.looseObject({ pid: z.int().nullable(), journalHolds: z.boolean() })

function home(name: string): string {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'data.csv'), testCsv())
  writeFileSync(join(path, 'site.yaml'), 'data: { file: data.csv }\npolicy: { minimumCohort: 5 }\n')
  return path
}

function studyFile(name: string, changes: object = {}): string {
  const path = join(folder, `${name}.yaml`)
  writeFileSync(path, JSON.stringify({ ...testPlan, name, ...changes }))
  return path
}

test('a network from its first to its last command, each with one JSON document', {
  timeout: 120_000,
}, async (context) => {
  const running: Program[] = []
  context.after(() => Promise.all(running.map((program) => program.stop())))
  const coordinator = started('coordinator', ['--port', '0'])
  running.push(coordinator)
  while (!coordinator.stdout().includes('\n')) await sleep(10)

  const homes = { north: home('north'), south: home('south') }
  for (const [name, dir] of Object.entries(homes)) {
    const { token } = await json('token create', [name, '--valid-for', '1h'], z.looseObject({ token: z.string() }))
    const joined = await json('site join', [token, '--dir', dir], z.looseObject({ site: z.string() }))
    assert.equal(joined.site, name)
    assert.match(await words('site status', ['--dir', dir]), /Not running/)
  }
  const { sites } = await json('site list', [], z.looseObject({ sites: z.array(z.looseObject({ name: z.string() })) }))
  assert.deepEqual(
    sites.map(({ name }) => name),
    ['north', 'south'],
  )
  await words('site list', [])

  const file = studyFile('tour', { rounds: { maximum: 3, quorum: 2 } })
  await json('study check', [file], z.looseObject({ valid: z.literal(true) }))
  await words('study check', [file])
  assert.match(await words('study check', [file, '--hospitals', '1']), /quorum is 2, and 1 hospital will take part/)
  assert.match(await words('study list', []), /No study/)
  const { id } = await json('study publish', [file], idOf)
  await json('study list', [], z.looseObject({ studies: z.array(idOf).length(1) }))

  const decisionOf = z.looseObject({
    decision: z.enum(['approved', 'refused']).nullable(),
    leaves: z.array(z.string()),
  })
  const offersOf = z.looseObject({
    offers: z.array(z.looseObject({ study: z.string(), decision: z.string().nullable() })),
  })
  const offered = await json('site approve', ['--dir', homes.north], offersOf)
  assert.deepEqual(
    offered.offers.map(({ study, decision }) => [study, decision]),
    [[id, null]],
  )
  const read = await json('site approve', [id, '--dir', homes.north], decisionOf)
  assert.equal(read.decision, null, 'to read is not to sign')
  assert.ok(read.leaves.length > 0)
  assert.equal((await json('site approve', ['--dir', homes.north], offersOf)).offers[0]?.decision, null)
  assert.equal((await json('site approve', [id, '--dir', homes.north, '--yes'], decisionOf)).decision, 'approved')
  await json('site refuse', [id, '--dir', homes.south, '--reason', 'not yet'], anything)
  assert.match(await words('study show', [id]), /south: refused \(not yet\)/)
  assert.match(await words('site approve', [id, '--dir', homes.south, '--yes']), /approved, signed and sent/)

  const programs = Object.entries(homes).map(([name, dir]) => ({ name, program: started('site run', ['--dir', dir]) }))
  running.push(...programs.map(({ program }) => program))
  await json('study start', [id], idOf)
  const watched = await json('study watch', [id], z.looseObject({ outcome: z.string() }))
  assert.equal(watched.outcome, 'completed')
  await json('study show', [id], z.looseObject({ id: z.literal(id) }))
  assert.match(await words('study watch', [id]), /completed/)
  const results = await json(
    'study results',
    [id, '--out', join(folder, 'report')],
    z.looseObject({ weightsSha256: z.string(), rounds: z.literal(3) }),
  )
  assert.ok((await words('study results', [id])).includes(results.weightsSha256))
  assert.match(readFileSync(join(folder, 'report', 'report.html'), 'utf8'), /^<!doctype html>/)

  const [onnx, exported, safetensors] = ['pulled.onnx', 'exported.onnx', 'pulled.safetensors'].map((name) =>
    join(folder, name),
  )
  await json('model pull', [id, '--out', onnx ?? ''], z.looseObject({ path: z.literal(onnx) }))
  await json('model pull', [id, '--format', 'safetensors', '--out', safetensors ?? ''], anything)
  assert.equal((await ran(['model', 'pull', id, '--format', 'pickle'], world)).code, 2)
  await json(
    'site export',
    [id, '--dir', homes.north, '--out', exported ?? ''],
    z.looseObject({ path: z.literal(exported) }),
  )
  await json('model check', [file], z.looseObject({ trainable: z.literal(true) }))
  await json('model show', [file], z.looseObject({ layers: z.array(anything).min(1) }))
  for (const model of [onnx ?? '', exported ?? '']) {
    const { predictions } = await json(
      'predict',
      [model, join(homes.north, 'data.csv')],
      z.looseObject({ rows: z.literal(40), predictions: z.array(z.array(z.number())) }),
    )
    assert.deepEqual(predictions, await runDirectly(model, join(homes.north, 'data.csv')))
  }

  const [online, offline, again] = ['online', 'offline', 'again'].map((name) => join(folder, name))
  const madeOf = z.looseObject({ path: z.literal(online), lost: z.array(z.string()).length(0) })
  await json('coordinator backup', [online ?? ''], madeOf)

  await json('site status', ['--dir', homes.north], statusOf.extend({ pid: z.literal(process.pid) }))
  await json('site journal verify', ['--dir', homes.north], z.looseObject({ holds: z.literal(true) }))
  assert.match(await words('site journal verify', ['--dir', homes.north]), /The journal holds/)
  await json('site journal show', ['--dir', homes.north], z.looseObject({ entries: z.array(anything).min(5) }))
  assert.match(await words('site journal show', ['--dir', homes.north]), / result\.kind=train result\.round=3 /)
  await json('doctor', ['--dir', homes.north], z.looseObject({ healthy: z.literal(true) }))

  const long = await json('study publish', [studyFile('long', { rounds: { maximum: 200, quorum: 2 } })], idOf)
  for (const dir of Object.values(homes)) await json('site approve', [long.id, '--dir', dir, '--yes'], anything)
  await json('study start', [long.id, '--sites', 'north,south'], anything)
  const stateOf = z.looseObject({ state: z.string() })
  while ((await json('study show', [long.id], stateOf)).state === 'preparing') await sleep(20)
  await json('study stop', [long.id], anything)
  assert.equal((await json('study watch', [long.id], z.looseObject({ outcome: z.string() }))).outcome, 'stopped early')

  await json(
    'study init',
    [join(homes.north, 'data.csv'), '--target', 'ill', '--out', join(folder, 'draft.yaml')],
    anything,
  )
  await json(
    'simulate',
    [file, ...Object.entries(homes).flatMap(([name, dir]) => ['--site', `${name}=${join(dir, 'site.yaml')}`])],
    z.looseObject({ weightsSha256: z.literal(results.weightsSha256) }),
  )

  for (const { name, program } of programs) {
    const { code, stdout, stderr } = await program.stop()
    assert.equal(code, 0, `${name}: ${stdout} ${stderr}`)
    assert.deepEqual(documentOf({ stdout }), { site: name, stopped: true })
    assert.doesNotMatch(stderr, /\n\s+at /)
  }
  await json('site leave', ['--dir', homes.south], z.looseObject({ left: z.literal(true) }))
  await json('site remove', ['north'], z.looseObject({ removed: z.literal(true) }))
  const gone = await ran(['site', 'run', '--dir', homes.north], world)
  assert.equal(gone.code, registry.WR_SITE_LEFT.exit)
  assert.match(gone.stderr, /^WR_SITE_LEFT: /m)

  const [exported2, second] = [join(folder, 'tour.wardround'), join(folder, 'second')]
  await json('study export', [id, exported2], z.looseObject({ study: z.literal(id) }))
  assert.equal((await ran(['study', 'export', id, exported2], world)).code, registry.WR_USAGE.exit)
  const other = started('coordinator', ['--port', '0', '--dir', second])
  running.push(other)
  while (!other.stdout().includes('\n')) await sleep(10)
  const access = ['--access', join(second, 'access')]
  const { imported } = await json(
    'study import',
    [exported2, ...access],
    z.looseObject({ id: z.literal(id), imported: z.looseObject({ coordinatorKey: z.string() }) }),
  )
  assert.match(await words('study show', [id, ...access]), new RegExp(`imported: .*${imported.coordinatorKey}`))
  const again2 = await ran(['study', 'import', exported2, ...access], world)
  assert.match(again2.stderr, /^WR_STUDY_EXISTS: [\s\S]*Next: See it with: wardround study show /m)
  const there = await json('study results', [id, ...access], z.looseObject({ weightsSha256: z.string() }))
  assert.equal(there.weightsSha256, results.weightsSha256)
  await json('model pull', [id, '--out', `${onnx}.2`, ...access], anything)
  assert.deepEqual(readFileSync(`${onnx}.2`), readFileSync(onnx ?? ''))

  const { code, stdout } = await coordinator.stop()
  assert.equal(code, 0)
  z.strictObject({ url: z.url(), accessFile: z.string() }).parse(documentOf({ stdout }))
  assert.match(await words('coordinator backup', [offline ?? '']), /^Wrote .*offline: .* 2 studies, 2 hospitals\./)
  const counts = z.looseObject({ studies: z.literal(1), sites: z.literal(2) })
  await json(
    'coordinator restore',
    [online ?? '', '--dir', again ?? ''],
    z.looseObject({ tokensUsed: z.literal(0), counts }),
  )
  assert.match(
    await words('coordinator restore', [offline ?? '', '--dir', `${again}-offline`]),
    /^Restored into .*again-offline,/,
  )
  assert.deepEqual(
    [...done, 'demo'].toSorted(),
    commandNames.toSorted(),
    'every command had its turn; the demo has a test of its own',
  )
})

/** The model without us: ONNX Runtime, on columns read by hand. */
async function runDirectly(model: string, table: string): Promise<number[][]> {
  const session = await InferenceSession.create(readFileSync(model), { logSeverityLevel: 3 })
  const ages = readFileSync(table, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => Number(line.split(',')[2]))
  const { prediction } = await session.run({ age: new Tensor('float32', Float32Array.from(ages), [ages.length, 1]) })
  assert.ok(prediction?.data instanceof Float32Array)
  return Array.from(prediction.data, (value) => [value])
}

test('where nothing is, every command says so: in words, and as one document with the exit code of its error', async () => {
  const nothing = join(folder, 'nothing')
  const empty: World = { ...world, env: { WARDROUND_HOME: nothing } }
  writeFileSync(join(folder, 'blocked'), '')
  const argumentsOf: Readonly<Record<string, readonly string[]>> = {
    coordinator: ['--dir', join(folder, 'blocked', 'below')],
    demo: ['--data', nothing],
    predict: [join(nothing, 'model.onnx'), join(nothing, 'data.csv')],
    simulate: [join(nothing, 'study.yaml'), '--site', `a=${join(nothing, 'a.csv')}`],
    'study check': [join(nothing, 'study.yaml')],
    'study init': [join(nothing, 'data.csv')],
    'study publish': [join(nothing, 'study.yaml')],
    'coordinator backup': [join(nothing, 'backup')],
    'coordinator restore': [join(nothing, 'backup')],
    'token create': ['north'],
    'site join': ['wrj1_nothing'],
    'site refuse': ['small-1a2b3c4d'],
    'site remove': ['north'],
    'site export': ['small-1a2b3c4d'],
    'study show': ['small-1a2b3c4d'],
    'study start': ['small-1a2b3c4d'],
    'study watch': ['small-1a2b3c4d'],
    'study stop': ['small-1a2b3c4d'],
    'study results': ['small-1a2b3c4d'],
    'study export': ['small-1a2b3c4d', join(nothing, 'small.wardround')],
    'study import': [join(nothing, 'small.wardround')],
    'model pull': ['small-1a2b3c4d'],
    'model check': [join(nothing, 'model.onnx')],
    'model show': [join(nothing, 'model.onnx')],
    doctor: ['--config', join(nothing, 'site.yaml')],
  }
  const errorOf = z.strictObject({
    error: z.strictObject({
      code: z.string(),
      parameters: anything,
      what: z.string().min(1),
      why: z.string(),
      next: z.string(),
      retry: z.enum(['transient', 'ambiguous', 'permanent']),
    }),
  })
  for (const name of commandNames) {
    const args = [...name.split(' '), ...(argumentsOf[name] ?? [])]
    const plain = await ran(args, empty)
    const told = await ran([...args, '--json'], empty)
    assert.equal(plain.code, told.code, name)
    assert.doesNotMatch(`${plain.stdout}${plain.stderr}${told.stdout}${told.stderr}`, /\n\s+at |undefined/, name)
    if (name === 'doctor') {
      // What the doctor finds is a finding, not an error of the doctor.
      assert.equal(told.code, 8)
      z.looseObject({ healthy: z.literal(false) }).parse(documentOf(told))
      continue
    }
    const { error } = errorOf.parse(documentOf(told))
    assert.ok(isErrorCode(error.code) && error.code !== 'WR_INTERNAL', `${name}: ${error.code} ${error.what}`)
    assert.equal(told.code, registry[error.code].exit, name)
    assert.ok(plain.stderr.includes(`${error.code}: ${error.what}\n`), `${name}: ${plain.stderr}`)
  }
})
