/** Nothing that a site runs dials anybody but its coordinator: ONNX Runtime would, unless it is told not to in time. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { files, importsOf, isTest, read, root } from './repository.ts'
import { scratch } from './support.ts'

const folder = scratch('telemetry')

/** What a program left in an empty home, and whom it asked a proxy for. Without the variables that switch the runtime's reports off. */
async function traces(
  name: string,
  args: readonly string[],
): Promise<{ code: number | null; left: string[]; asked: string[] }> {
  const home = join(folder, name)
  mkdirSync(home)
  const asked: string[] = []
  const proxy = createServer((client) => {
    client.once('data', (head) => {
      asked.push(head.toString('latin1').split('\r\n', 1)[0] ?? '')
      client.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    })
    client.on('error', () => client.destroy())
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => proxy.once('listening', resolve))
  const address = proxy.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  const { CI: _, ORT_DISABLE_TELEMETRY: __, ORT_RUNNING_UNIT_TESTS: ___, ...rest } = process.env
  const env = {
    ...rest,
    HOME: home,
    XDG_CACHE_HOME: join(home, '.cache'),
    HTTPS_PROXY: url,
    HTTP_PROXY: url,
    NO_PROXY: '',
  }
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'ignore' })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  await new Promise((resolve) => proxy.close(resolve))
  const cache = join(home, '.cache', 'Microsoft')
  return { code, left: existsSync(cache) ? readdirSync(cache, { recursive: true }).map(String) : [], asked }
}

/** The runtime by itself, as anybody uses it: a session of the smallest model. */
const bare = `
  import { graphBuilder } from '@wardround/core/graph/builder.ts'
  import { encodeModel } from '@wardround/core/graph/encode-model.ts'
  import { InferenceSession } from 'onnxruntime-node'
  const b = graphBuilder()
  b.input({ name: 'x', type: 'float32', shape: [1] })
  await InferenceSession.create(encodeModel(b.build('least', [b.node('Identity', ['x'])])))
`

const reportsByItself = ['linux', 'darwin'].includes(process.platform)

test('the runtime by itself reports: the check below can fail', { skip: !reportsByItself }, async () => {
  const { code, left } = await traces('bare', ['--input-type=module', '--eval', bare])
  assert.equal(code, 0)
  assert.ok(
    left.some((path) => path.includes('onnxruntime')),
    'the runtime gave the machine a number of its own',
  )
})

test('a site that trains leaves no trace of a report, and dials nobody', async () => {
  const { code, left, asked } = await traces('doctor', [
    'packages/cli/src/main.ts',
    'doctor',
    '--dir',
    join(folder, 'site'),
  ])
  assert.equal(code, 0)
  assert.deepEqual({ left, asked }, { left: [], asked: [] })
})

test('the runtime is loaded in one place, which switches its reports off first', () => {
  const loading = files.filter(
    (path) =>
      /^packages\/.*\.ts$/.test(path) && !isTest(path) && /\bimport (?!type).*from 'onnxruntime-node'/.test(read(path)),
  )
  assert.deepEqual(loading, ['packages/site/src/training/session.ts'])
  for (const path of loading) assert.equal(importsOf(path)[0], './no-telemetry.ts', path)
  assert.match(read('packages/site/src/training/sandbox.ts'), /ORT_DISABLE_TELEMETRY: '1'/)
})
