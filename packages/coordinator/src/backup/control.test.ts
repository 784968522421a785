import assert from 'node:assert/strict'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { testEntropy } from '../testing/entropy.ts'
import { coded } from '../testing/errors.ts'
import { scratch } from '../testing/scratch.ts'
import { askForBackup } from './ask.ts'
import type { Watching } from './backup.ts'
import { controlFile, listenLocally } from './control.ts'
import type { Made } from './manifest.ts'

const made: Made = {
  path: '/b',
  madeAt: '2026-01-01T00:00:00.000Z',
  sizeBytes: 5,
  counts: { sites: 1, studies: 2, events: 3, audit: 4 },
  lost: [],
}

type Work = (path: string, watching: Watching) => Promise<Made>

async function listening(t: TestContext, backup: Work) {
  const folder = scratch()
  const control = await listenLocally({ folder, entropy: testEntropy('control'), backup })
  t.after(control.close)
  return { folder, control, port: controlFile(folder)?.port ?? 0 }
}

/** Whatever is answered to these bytes until the line is closed. */
const said = (port: number, text: string): Promise<string> =>
  new Promise((resolve) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.on('data', (chunk) => {
      answer += String(chunk)
    })
    socket.on('error', () => undefined).on('close', () => resolve(answer))
  })

test('a command has a backup made, and hears how far it is', async (t) => {
  const asked: string[] = []
  const { folder } = await listening(t, async (path, { onProgress }) => {
    asked.push(path)
    for (const doneBytes of [0, 1, 1, 5]) onProgress?.({ doneBytes, totalBytes: 5 })
    return made
  })
  if (process.platform !== 'win32') assert.equal(statSync(join(folder, 'control.json')).mode & 0o777, 0o600)
  const heard: number[] = []
  const onProgress: Watching['onProgress'] = ({ doneBytes }) => heard.push(doneBytes)
  assert.deepEqual(await askForBackup(folder, '/b', { onProgress }), made)
  assert.deepEqual([asked, heard], [['/b'], [0, 1, 5]])
})

test('what goes wrong there is said here, with its code', async (t) => {
  const { folder } = await listening(t, async (path) => {
    throw new WardroundError('WR_NOT_EMPTY', { path })
  })
  const failed = askForBackup(folder, '/b', {})
  await assert.rejects(failed, (error) => error instanceof WardroundError && error.parameters.path === '/b')
  await assert.rejects(askForBackup(folder, '/b', {}), coded('WR_NOT_EMPTY'))
})

test('without the secret, or with anything else, nothing is done and nothing is said', async (t) => {
  let asked = 0
  const { folder, port } = await listening(t, async () => {
    asked += 1
    return made
  })
  const secret = controlFile(folder)?.secret ?? ''
  const lines = [
    JSON.stringify({ secret: 'x'.repeat(secret.length), backup: '/b' }),
    JSON.stringify({ secret: '', backup: '/b' }),
    JSON.stringify({ backup: '/b' }),
    JSON.stringify({ secret, backup: '/b', more: 1 }),
    JSON.stringify({ secret, backup: 7 }),
    'GET / HTTP/1.1',
    '',
    'x'.repeat(20_000),
  ]
  for (const line of lines) assert.equal(await said(port, `${line}\n`), '', line.slice(0, 60))
  assert.equal(await said(port, 'x'.repeat(20_000)), '')
  assert.equal(asked, 0)
})

test('one at a time', async (t) => {
  const first = Promise.withResolvers<Made>()
  const begun = Promise.withResolvers<void>()
  const { folder } = await listening(t, () => {
    begun.resolve()
    return first.promise
  })
  const one = askForBackup(folder, '/b', {})
  await begun.promise
  await assert.rejects(askForBackup(folder, '/c', {}), coded('WR_LOCKED'))
  first.resolve(made)
  assert.deepEqual(await one, made)
  assert.deepEqual(await askForBackup(folder, '/c', {}), made)
})

const untilStopped: Work = (_, { signal }) =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new WardroundError('WR_CANCELLED'))))

test('whoever stops waiting stops it', async (t) => {
  const stopped = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const { folder } = await listening(t, (_, { signal }) => {
    signal?.addEventListener('abort', () => stopped.resolve())
    begun.resolve()
    return untilStopped(_, { ...(signal === undefined ? {} : { signal }) })
  })
  const stop = new AbortController()
  const asking = askForBackup(folder, '/b', { signal: stop.signal })
  await begun.promise
  stop.abort()
  await assert.rejects(asking, coded('WR_CANCELLED'))
  await stopped.promise
})

test('a coordinator that ends meanwhile ends it first, and that is said', async (t) => {
  const begun = Promise.withResolvers<void>()
  let ended = false
  const { folder, control } = await listening(t, async (path, watching) => {
    watching.onProgress?.({ doneBytes: 1, totalBytes: 2 })
    begun.resolve()
    return untilStopped(path, watching).finally(() => {
      ended = true
    })
  })
  const heard = Promise.withResolvers<void>()
  const asking = askForBackup(folder, '/b', { onProgress: () => heard.resolve() })
  const refused = assert.rejects(asking, coded('WR_UNREACHABLE'))
  await Promise.all([begun.promise, heard.promise])
  await control.close()
  assert.equal(ended, true)
  await refused
  assert.equal(existsSync(join(folder, 'control.json')), false)
})

test('where nobody runs, nobody is asked: no file, one of a coordinator that was killed, another program on its port', async (t) => {
  const folder = scratch()
  const ask = () => askForBackup(folder, '/b', {})
  assert.equal(await ask(), undefined)
  writeFileSync(join(folder, 'control.json'), 'torn')
  assert.equal(await ask(), undefined)
  writeFileSync(join(folder, 'control.json'), JSON.stringify({ port: 1, secret: 'x' }))
  assert.equal(await ask(), undefined)
  for (const answer of ['HTTP/1.1 400 Bad Request\r\n\r\n', '']) {
    const other = createServer((socket) => socket.end(answer)).listen(0, '127.0.0.1')
    t.after(() => other.close())
    await new Promise((resolve) => other.once('listening', resolve))
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    writeFileSync(join(folder, 'control.json'), JSON.stringify({ port, secret: 'x' }))
    assert.equal(await ask(), undefined)
  }
})
