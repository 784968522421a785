/** Every command in README, run in its order, as the people run it who are told to; and the two that begin it are scripts. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { read, root } from './repository.ts'
import { scratch, smallStudy, smallTable } from './support.ts'

const folder = scratch('readme')
const lines = [...read('README.md').matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
  block.trim().split('\n'),
)

type Started = { readonly output: () => string; readonly ended: Promise<number | null>; stop(): Promise<number | null> }
const running: Started[] = []
after(async () => {
  for (const program of running.toReversed()) await program.stop()
})

/** A line of README as it stands, but for what is this machine's: `./wardround` lies in the project, and people's files here. */
function run(line: string): Started {
  const [program, ...args] = line.split(' ')
  assert.equal(program, './wardround', line)
  const child = spawn(process.execPath, [join(root, 'tooling/run.mjs'), 'wardround', ...args], {
    cwd: folder,
    env: { ...process.env, WARDROUND_HOME: join(folder, 'home') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  return {
    output: () => output,
    ended,
    stop: () => {
      child.kill('SIGTERM')
      return ended
    },
  }
}

async function appears(pattern: RegExp, { output, ended }: Started): Promise<void> {
  const over = ended.then((code) => `ended with ${code}`)
  while (!pattern.test(output())) {
    const state = await Promise.race([over, new Promise<undefined>((resolve) => setTimeout(resolve, 20))])
    assert.equal(state, undefined, output())
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** What the hospital's IT does with the site.yaml that joining left. */
function fillIn(path: string): void {
  const template = readFileSync(path, 'utf8')
  assert.ok(template.includes('file: data.csv') && template.includes('minimumCohort: 10'))
  writeFileSync(
    path,
    template.replace('data.csv', join(folder, 'data.csv')).replace('minimumCohort: 10', 'minimumCohort: 5'),
  )
}

/** Programs that go on until they are stopped, and what they say when they are ready. */
const lasting: Readonly<Record<string, RegExp>> = {
  './wardround coordinator --': /https:\/\/127\.0\.0\.1:\d+/,
  './wardround site run': /waiting for work/,
}

test('README tells of every part of a network', () => {
  for (const part of ['coordinator', 'token create', 'site join', 'site run', 'site approve', 'study publish'])
    assert.ok(
      lines.some((line) => line.startsWith(`./wardround ${part}`)),
      part,
    )
  assert.ok(lines.length >= 19)
})

test('every command of README runs, in its order', { timeout: 240_000 }, async () => {
  writeFileSync(join(folder, 'data.csv'), smallTable('north'))
  writeFileSync(join(folder, 'study.yaml'), smallStudy().replace('quorum: 2', 'quorum: 1'))
  const found = { TOKEN: '', STUDY: '' }
  const port = String(await freePort())
  for (const line of lines) {
    const local = line
      .replaceAll('wardround.example.org', '127.0.0.1')
      .replaceAll('0.0.0.0', '127.0.0.1')
      .replaceAll('8443', port)
      .replaceAll('TOKEN', found.TOKEN)
      .replaceAll('STUDY', found.STUDY)
    const program = run(local)
    const ready = Object.entries(lasting).find(([start]) => line.startsWith(start))?.[1]
    if (ready !== undefined) {
      running.push(program)
      await appears(ready, program)
      continue
    }
    assert.equal(await program.ended, 0, `${line}\n${program.output()}`)
    found.TOKEN = /wrj1_[\w-]+/.exec(program.output())?.[0] ?? found.TOKEN
    if (line.includes('site join')) fillIn(join(folder, 'home', 'site', 'site.yaml'))
    if (line.includes('study publish')) found.STUDY = /small-[0-9a-f]{8}/.exec(program.output())?.[0] ?? ''
  }
  for (const made of ['draft.yaml', 'results/report.html', 'results/report.json', 'model.onnx'])
    assert.ok(existsSync(join(folder, made)), made)
})

test('the two commands at its top are scripts, and `wardround` stands beside it for each system', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const [, commands = ''] = /## Two commands\n[\s\S]*?\n\n((?: {4}.*\n)+)/.exec(read('README.md')) ?? []
  assert.deepEqual(commands.trim().split(/\n\s*/), ['npm run demo', 'npm test'])
  assert.ok(scripts.demo && scripts.test)
  for (const file of ['wardround', 'wardround.cmd'])
    assert.match(readFileSync(join(root, file), 'utf8'), /run\.mjs"? wardround/)
})
