/**
 * A network of hospitals as README describes it: coordinator and sites as processes of their own, each with its own folder, port and
 * certificate; one behind a proxy, one that joins late, one that leaves.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { document, hospital, type Running, scratch, smallStudy, smallTable, started, wardround } from './support.ts'

const folder = scratch('machines')
const running: Running[] = []
after(async () => {
  for (const program of running) await program.stop()
})
const go = (args: readonly string[], env: Record<string, string> = {}): Running => {
  const program = started(args, env)
  running.push(program)
  return program
}

/** A proxy that knows CONNECT and nothing else. */
async function openProxy(): Promise<{ url: string; targets: string[]; close(): void }> {
  const targets: string[] = []
  const server = createServer((client: Socket) => {
    client.once('data', (head): void => {
      const target = /^CONNECT (\S+):(\d+) /.exec(head.toString('latin1'))
      if (target === null) {
        client.end('HTTP/1.1 405 Only CONNECT\r\n\r\n')
        return
      }
      targets.push(`${target[1]}:${target[2]}`)
      const upstream = connect({ host: target[1], port: Number(target[2]) }, () => {
        client.write('HTTP/1.1 200 Connected\r\n\r\n')
        client.pipe(upstream).pipe(client)
      })
      upstream.on('error', () => client.destroy())
      client.on('error', () => upstream.destroy())
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    targets,
    close: () => server.close(),
  }
}

const access = join(folder, 'coordinator', 'access')
const json = async <T = Record<string, unknown>>(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<T> => {
  const ran = await wardround([...args, '--json'], { env })
  assert.equal(ran.code, 0, `wardround ${args.join(' ')}: ${ran.stdout} ${ran.stderr}`)
  return document<T>(ran)
}

/** Token, join and run, as two people on two machines do it. */
async function joins(name: string, env: Record<string, string> = {}): Promise<{ home: string; program: Running }> {
  const home = hospital(join(folder, name), smallTable(name))
  const { token } = await json<{ token: string }>(['token', 'create', name, '--access', access])
  await json(['site', 'join', token, '--dir', home], env)
  return { home, program: go(['site', 'run', '--dir', home], env) }
}

const show = (id: string) => json<{ round: number }>(['study', 'show', id, '--access', access])

test('a study across machines, with a proxy, a late hospital and one that leaves', { timeout: 120_000 }, async () => {
  const coordinator = go(['coordinator', '--dir', join(folder, 'coordinator'), '--port', '0', '--json'])
  const { url } = JSON.parse(await coordinator.firstLine) as { url: string }
  assert.match(url, /^https:\/\/127\.0\.0\.1:\d+$/)
  const proxy = await openProxy()
  after(proxy.close)
  const behindProxy = { HTTPS_PROXY: proxy.url }
  const north = await joins('north')
  const south = await joins('south', behindProxy)
  const west = await joins('west')

  const file = join(folder, 'study.yaml')
  writeFileSync(file, smallStudy().replace('maximum: 3', 'maximum: 200'))
  const { id } = await json<{ id: string }>(['study', 'publish', file, '--access', access])
  for (const [home, env] of [
    [north.home, {}],
    [south.home, behindProxy],
    [west.home, {}],
  ] as const) {
    const { leaves, never } = await json<{ leaves: string[]; never: string[] }>(
      ['site', 'approve', id, '--dir', home, '--yes'],
      env,
    )
    assert.ok(leaves.length > 4 && never.some((line) => line.includes('output.bias')))
  }
  await json(['study', 'start', id, '--access', access])
  const late = await joins('late')
  await json(['site', 'approve', id, '--dir', late.home, '--yes'])
  await json(['site', 'leave', '--dir', west.home])
  // As many rounds as it takes until all of this has had its effect; then a person has seen enough.
  const { round } = await show(id)
  while ((await show(id)).round < round + 3) await sleep(50)
  await json(['study', 'stop', id, '--access', access])
  const watched = await json<{ outcome: string }>(['study', 'watch', id, '--access', access])
  assert.equal(watched.outcome, 'stopped early')

  const results = await json<{ sites: { name: string }[]; rounds: number; weightsSha256: string }>([
    'study',
    'results',
    id,
    '--access',
    access,
    '--out',
    join(folder, 'report'),
  ])
  const names = results.sites.map(({ name }) => name)
  assert.ok(names.includes('north') && names.includes('south'))
  assert.ok(!names.includes('west'), 'a hospital that left is in no final comparison')
  const report = JSON.parse(readFileSync(join(folder, 'report', 'report.json'), 'utf8')) as {
    rounds: { sites: { site: string; state: string }[] }[]
  }
  const lateRounds = report.rounds.filter(({ sites }) => sites.some(({ site }) => site === 'late')).length
  assert.ok(
    lateRounds > 0 && lateRounds < report.rounds.length,
    `late took part in ${lateRounds} of ${report.rounds.length} rounds`,
  )
  assert.ok(
    proxy.targets.length > 0 && proxy.targets.every((target) => url.endsWith(target)),
    'the hospital behind the proxy went through it',
  )

  for (const { home } of [north, south, west, late]) {
    const { holds } = await json<{ holds: boolean }>(['site', 'journal', 'verify', '--dir', home])
    assert.equal(holds, true)
  }
  const model = join(folder, 'model.onnx')
  await json(['site', 'export', id, '--dir', north.home, '--out', model])
  const { rows, predictions } = await json<{ rows: number; predictions: number[][] }>([
    'predict',
    model,
    join(north.home, 'data.csv'),
  ])
  assert.equal(rows, 80)
  assert.ok(predictions.every(([probability = -1]) => probability > 0 && probability < 1))
})

test('Ctrl-C ends a site and a coordinator cleanly', async () => {
  for (const program of running.toReversed()) {
    const gone = program.output().includes('WR_SITE_LEFT')
    assert.equal(await program.stop('SIGINT'), gone ? 5 : 0, program.output().slice(-500))
    assert.ok(!program.output().includes('\n    at '), 'no stack trace')
  }
})
