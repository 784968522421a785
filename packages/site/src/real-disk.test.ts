import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { diskSuite } from './disk.suite.ts'
import { realDisk } from './real-disk.ts'

const root = mkdtempSync(join(tmpdir(), 'wardround-disk-'))
after(() => rmSync(root, { recursive: true }))

const make = () => ({ disk: realDisk(), folder: mkdtempSync(join(root, 'd-')) })

diskSuite('the disk of this machine', make)

test('files and folders are for their owner only', () => {
  const { disk, folder } = make()
  const deep = join(folder, 'a', 'b')
  disk.makeFolder(deep)
  disk.write(join(deep, 'written'), [], { durably: true })
  disk.append(join(deep, 'appended'), new Uint8Array(1), { durably: false })
  const mode = (path: string): number => statSync(path).mode & 0o777
  assert.deepEqual([join(folder, 'a'), deep].map(mode), [0o700, 0o700])
  assert.deepEqual(
    ['written', 'appended'].map((name) => mode(join(deep, name))),
    [0o600, 0o600],
  )
})
