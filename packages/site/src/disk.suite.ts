/** What every disk of a site does, whatever it is made of. Crashes and power cuts are tested where they can be made. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Disk } from '@wardround/core/ports.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const durably = { durably: true }
const loosely = { durably: false }

/** `make` gives a disk and an empty folder on it. */
export function diskSuite(name: string, make: () => { readonly disk: Disk; readonly folder: string }): void {
  const textIn = (disk: Disk, path: string): string | undefined => {
    const found = disk.read(path)
    return found === undefined ? undefined : new TextDecoder().decode(found)
  }

  test(`${name}: what is not there is undefined, nothing, or removed already`, () => {
    const { disk, folder } = make()
    assert.equal(disk.read(join(folder, 'a')), undefined)
    assert.equal(disk.read(join(folder, 'none', 'a')), undefined)
    assert.equal(disk.readInto(join(folder, 'a'), new Uint8Array(1), 0), undefined)
    assert.equal(disk.sizeBytes(join(folder, 'a')), undefined)
    assert.deepEqual(disk.list(join(folder, 'none')), [])
    disk.remove(join(folder, 'a'))
  })

  test(`${name}: a file is written in parts, replaced whole, appended to and cut off`, () => {
    const { disk, folder } = make()
    const path = join(folder, 'file')
    disk.write(path, [bytes('one '), bytes('and '), bytes('two')], loosely)
    assert.equal(textIn(disk, path), 'one and two')
    disk.write(path, [bytes('new')], durably)
    assert.equal(textIn(disk, path), 'new')
    disk.append(path, bytes('er'), loosely)
    disk.append(path, bytes('!'), durably)
    assert.deepEqual([textIn(disk, path), disk.sizeBytes(path)], ['newer!', 6])
    disk.truncate(path, 3)
    disk.append(path, bytes('s'), durably)
    assert.equal(textIn(disk, path), 'news')
    disk.append(join(folder, 'other'), bytes('made'), durably)
    assert.equal(textIn(disk, join(folder, 'other')), 'made')
    disk.write(path, [], loosely)
    assert.equal(disk.sizeBytes(path), 0)
  })

  test(`${name}: a range is what the file has of it`, () => {
    const { disk, folder } = make()
    const path = join(folder, 'file')
    disk.write(path, [bytes('0123'), bytes('456789')], loosely)
    const range = (from: number, sizeBytes: number): [number | undefined, string] => {
      const target = bytes('-'.repeat(sizeBytes))
      return [disk.readInto(path, target, from), new TextDecoder().decode(target)]
    }
    for (const [from, sizeBytes, count, text] of [
      [0, 10, 10, '0123456789'],
      [3, 4, 4, '3456'],
      [8, 4, 2, '89--'],
      [10, 2, 0, '--'],
      [12, 2, 0, '--'],
      [5, 0, 0, ''],
    ] as const)
      assert.deepEqual(range(from, sizeBytes), [count, text])
  })

  test(`${name}: what was read or written is a copy`, () => {
    const { disk, folder } = make()
    const given = bytes('abc')
    disk.write(join(folder, 'file'), [given], durably)
    given.fill(0)
    disk.read(join(folder, 'file'))?.fill(0)
    assert.equal(textIn(disk, join(folder, 'file')), 'abc')
  })

  test(`${name}: folders are made with those above them, again and again; names are listed, changed and removed`, () => {
    const { disk, folder } = make()
    const deep = join(folder, 'a', 'b', 'c')
    disk.makeFolder(deep)
    disk.makeFolder(deep)
    assert.deepEqual(disk.list(join(folder, 'a')), ['b'])
    disk.write(join(deep, 'x'), [bytes('x')], durably)
    disk.write(join(deep, 'y'), [bytes('y')], durably)
    disk.rename(join(deep, 'x'), join(deep, 'y'))
    disk.syncFolder(deep)
    assert.deepEqual(disk.list(deep), ['y'])
    assert.equal(textIn(disk, join(deep, 'y')), 'x')
    disk.remove(join(deep, 'y'))
    assert.deepEqual(disk.list(deep), [])
  })

  test(`${name}: what cannot be done is thrown with the operating system's code`, () => {
    const { disk, folder } = make()
    const code = (wanted: string) => (error: unknown) => (error as NodeJS.ErrnoException).code === wanted
    assert.throws(() => disk.write(join(folder, 'none', 'a'), [], durably), code('ENOENT'))
    assert.throws(() => disk.rename(join(folder, 'none'), join(folder, 'a')), code('ENOENT'))
    assert.throws(() => disk.truncate(join(folder, 'none'), 0), code('ENOENT'))
    assert.throws(() => disk.syncFolder(join(folder, 'none')), code('ENOENT'))
  })

  test(`${name}: a lock is held by one at a time, and its folder is made`, () => {
    const { disk, folder } = make()
    const path = join(folder, 'deep', 'lock')
    const [mine, other] = [disk.lock(path), disk.lock(path)]
    assert.equal(disk.lockedBy(path), undefined)
    for (let turn = 0; turn < 2; turn++) {
      const free = mine.take()
      assert.equal(typeof disk.lockedBy(path), 'number')
      for (const patienceMs of [0, 5])
        assert.throws(
          () => other.take(patienceMs),
          (error) => (error as { code?: string }).code === 'WR_LOCKED',
        )
      free()
      other.take()()
    }
    mine.close()
    other.close()
    assert.deepEqual([disk.lockedBy(path), disk.list(join(folder, 'deep'))], [undefined, []])
  })
}
