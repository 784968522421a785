/** Files that several tasks have received, and which of them stay. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { realDisk } from './real-disk.ts'
import { type ReceivedFiles, receivedFiles } from './received.ts'
import { testClock, testEntropy } from './testing/hospital.ts'

function shelf(t: TestContext, studies: number) {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-received-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const disk = realDisk()
  const files = receivedFiles({ disk, folder, patience: { clock: testClock(), entropy: testEntropy() } }, studies)
  const received: string[] = []
  /** A blob of one byte, by the name that it is given. */
  const get = (from: ReceivedFiles, name: string, meanwhile?: Promise<void>) =>
    from.file({ sha256: name, sizeBytes: 1 }, async (path) => {
      disk.makeFolder(join(folder, 'received'))
      disk.write(path, [], { durably: false })
      await meanwhile
      received.push(name)
      disk.append(path, Uint8Array.of(1), { durably: false })
      return undefined
    })
  return { files, get, received, names: () => readdirSync(join(folder, 'received')).toSorted().join(' ') }
}

test("what a task has asked for stays while it is at work, however much others receive; then it is as others' are", async (t) => {
  const { files, get, received, names } = shelf(t, 1)
  const slow = files.forTask()
  await get(slow, 'slow')
  for (const name of ['one', 'two', 'three']) await get(files, name)
  assert.equal(names(), 'slow three two')
  await get(slow, 'slow')
  assert.equal(received.filter((name) => name === 'slow').length, 1)
  slow.over()
  for (const name of ['four', 'five']) await get(files, name)
  assert.equal(names(), 'five four')
})

test('two of each study stay', async (t) => {
  const { files, get, names } = shelf(t, 2)
  for (const name of ['one', 'two', 'three', 'four', 'five']) await get(files, name)
  assert.equal(names(), 'five four three two')
})

test('what is on its way is not swept away, and comes once for two that want it', async (t) => {
  const { files, get, received, names } = shelf(t, 1)
  const { promise, resolve } = Promise.withResolvers<void>()
  const both = [get(files.forTask(), 'first', promise), get(files.forTask(), 'first')]
  for (const name of ['one', 'two', 'three']) await get(files, name)
  assert.equal(names(), 'first.new three two')
  resolve()
  assert.deepEqual(
    (await Promise.all(both)).map(({ isNew }) => isNew),
    [true, false],
  )
  assert.equal(received.filter((name) => name === 'first').length, 1)
})

test('where the one fails whose turn it is, the other receives it', async (t) => {
  const { files, get, received } = shelf(t, 1)
  const { promise, reject } = Promise.withResolvers<void>()
  const [failing, other] = [get(files.forTask(), 'first', promise), get(files.forTask(), 'first')]
  reject(new Error('the line broke'))
  await assert.rejects(failing)
  assert.equal((await other).isNew, true)
  assert.deepEqual(received, ['first'])
})
