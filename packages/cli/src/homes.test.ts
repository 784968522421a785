import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type ErrorCode, WardroundError } from '@wardround/core/errors.ts'
import { encodeToken } from '@wardround/core/protocol/token.ts'
import { coordinatorFolder, openAccount, outFolder, readText, siteFolder, streamOut, writeOut } from './homes.ts'
import { testRuntime } from './testing/runtime.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-homes-'))
after(() => rmSync(folder, { recursive: true }))

const runtimeWith = (env: Readonly<Record<string, string>>) => testRuntime({ env }).runtime

/** A token that needs no network to be opened: a public authority vouches for the name. */
const access = (name: string): string =>
  encodeToken('access', {
    url: `https://${name}.example`,
    secret: 'A'.repeat(43),
    name,
    coordinatorKey: 'B'.repeat(43),
  })

const coded =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    error instanceof WardroundError && error.code === code

test('folders: what is given, else below WARDROUND_HOME, else below the home folder', () => {
  const elsewhere = runtimeWith({ WARDROUND_HOME: folder })
  assert.equal(coordinatorFolder(elsewhere, 'given'), 'given')
  assert.equal(siteFolder(elsewhere, 'given'), 'given')
  assert.equal(coordinatorFolder(elsewhere), join(folder, 'coordinator'))
  assert.equal(siteFolder(elsewhere), join(folder, 'site'))
  assert.equal(coordinatorFolder(runtimeWith({})), join(homedir(), '.wardround', 'coordinator'))
  assert.equal(siteFolder(runtimeWith({ WARDROUND_HOME: '' })), join(homedir(), '.wardround', 'site'))
})

test('access: a token, a file with one, WARDROUND_ACCESS, and last what the coordinator of this machine wrote', async () => {
  const file = join(folder, 'access-of-file')
  writeFileSync(file, `${access('file')}\n`)
  mkdirSync(join(folder, 'coordinator'))
  writeFileSync(join(folder, 'coordinator', 'access'), `${access('local')}\n`)
  const urlOf = async (env: Readonly<Record<string, string>>, given?: string): Promise<string> => {
    const account = await openAccount(runtimeWith({ WARDROUND_HOME: folder, ...env }), given)
    await account.close()
    return account.url
  }
  const environment = { WARDROUND_ACCESS: access('environment') }
  assert.equal(await urlOf(environment, access('typed')), 'https://typed.example')
  assert.equal(await urlOf(environment, file), 'https://file.example')
  assert.equal(await urlOf(environment), 'https://environment.example')
  assert.equal(await urlOf({ WARDROUND_ACCESS: file }), 'https://file.example')
  assert.equal(await urlOf({}), 'https://local.example')
  assert.equal(await urlOf({ WARDROUND_ACCESS: '' }), 'https://local.example')
})

test('no access, and what is no access token, are refused', async () => {
  const nobody = runtimeWith({ WARDROUND_HOME: join(folder, 'nobody') })
  await assert.rejects(openAccount(nobody), coded('WR_CREDENTIALS'))
  await assert.rejects(openAccount(nobody, join(folder, 'no such file')), coded('WR_CREDENTIALS'))
  const joinToken = join(folder, 'join-token')
  writeFileSync(joinToken, access('x').replace('wra1_', 'wrj1_'))
  await assert.rejects(openAccount(nobody, joinToken), coded('WR_TOKEN_INVALID'))
  await assert.rejects(openAccount(nobody, access('x').slice(0, -1)), coded('WR_TOKEN_INVALID'))
})

test('a text file: its content, absent, a folder, not ours', () => {
  const path = join(folder, 'text')
  writeFileSync(path, 'content')
  assert.equal(readText(path), 'content')
  assert.throws(() => readText(join(folder, 'absent')), coded('WR_DATA_MISSING'))
  assert.throws(() => readText(folder), coded('WR_PERMISSION'))
  if (process.getuid?.() === 0) return
  chmodSync(path, 0o000)
  assert.throws(() => readText(path), coded('WR_PERMISSION'))
})

test('what is written: a file in a folder that may have to be made, or a refusal that names it', () => {
  const path = join(outFolder(join(folder, 'a', 'b')), 'file')
  writeOut(path, 'content')
  writeOut(path, Uint8Array.of(0x68, 0x69))
  assert.equal(readFileSync(path, 'utf8'), 'hi')
  assert.throws(() => writeOut(join(path, 'below'), ''), coded('WR_PERMISSION'))
  assert.throws(() => outFolder(join(path, 'below')), coded('WR_PERMISSION'))
})

test('what comes in pieces is a file when all of it is there; where it breaks off, what was there stays', async () => {
  const path = join(folder, 'model.onnx')
  const pieces = async function* (broken?: Error) {
    yield Buffer.from('first ')
    if (broken !== undefined) throw broken
    yield Buffer.from('second')
  }
  assert.equal(await streamOut(path, pieces()), 12)
  const cut = new WardroundError('WR_UNREACHABLE', { url: 'x', reason: 'cut' })
  await assert.rejects(streamOut(path, pieces(cut)), cut)
  assert.equal(readFileSync(path, 'utf8'), 'first second')
  assert.equal(existsSync(`${path}.partial`), false)
  await assert.rejects(streamOut(join(folder, 'nowhere', 'model.onnx'), pieces()), coded('WR_PERMISSION'))
})
