import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { studySchema } from '@wardround/core/study/study.ts'
import { encode } from 'fast-png'
import { parseConfig } from '../../config.ts'
import { realDisk } from '../../real-disk.ts'
import { coded } from '../connector.suite.ts'
import { fingerprint, loadTable } from '../load.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-images-'))
after(() => rmSync(folder, { recursive: true }))
mkdirSync(join(folder, 'scans'))

const study = studySchema.parse({
  wardround: 1,
  name: 'test',
  question: 'Is it?',
  data: {
    patient: 'who',
    target: { column: 'y', positive: '> 0' },
    columns: { scan: { type: 'image', size: [2, 3] } },
    minimumCohort: 1,
  },
  model: { layers: [{ flatten: {} }, { dense: 1 }] },
  training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 1 },
  strategy: { fedAvg: {} },
  rounds: { maximum: 3 },
})

const picture = (level: number): Uint8Array => Uint8Array.from({ length: 6 }, (_, pixel) => level + pixel)
const savePng = (name: string, level: number): void =>
  writeFileSync(
    join(folder, 'scans', name),
    encode({ width: 3, height: 2, channels: 1, depth: 8, data: picture(level) }),
  )

const configOf = (columns: string) => parseConfig(`data: { file: data.csv }\ncolumns: { ${columns} }`, 'site.yaml')
const keep = { disk: realDisk(), folder: join(folder, 'kept') }

async function load(csv: string, columns: string, kept?: typeof keep) {
  writeFileSync(join(folder, 'data.csv'), csv)
  const { table, findings } = await loadTable({ config: configOf(columns), folder, study, keep: kept })
  const own = table.columns.scan
  assert.ok(own?.type === 'image')
  return {
    patients: table.patients,
    images: own.images.map((image) => [...image]),
    found: findings.filter(({ code }) => code.startsWith('image')).map(({ code, records }) => [code, records]),
  }
}
const levels = (...of: readonly number[]): number[][] => of.map((level) => [...picture(level)])

test('cells name files in a folder, and in none above it', async () => {
  savePng('a.png', 10)
  savePng('b.png', 20)
  writeFileSync(join(folder, 'scans', 'c.png'), 'not a picture')
  savePng('../outside.png', 30)
  const csv = 'who,y,file\np,1,a.png\nq,0,b.png\nr,1,c.png\ns,0,d.png\nt,0,\nu,0,../outside.png\nv,0,.\n'
  const { patients, images, found } = await load(csv, 'scan: { column: file, folder: scans }')
  assert.deepEqual(patients, ['p', 'q'])
  assert.deepEqual(images, levels(10, 20))
  assert.deepEqual(found, [
    ['imageUnreadable', 1],
    ['imageMissing', 4],
  ])
})

test('one file has all images, compressed or not, in the order of records or as a column says', async () => {
  const packed = Buffer.concat([picture(10), picture(20), picture(30)])
  writeFileSync(join(folder, 'all.bin'), packed)
  writeFileSync(join(folder, 'all.bin.gz'), gzipSync(packed))
  const inOrder = await load('who,y\np,1\nq,0\nr,1\ns,1\n', 'scan: { packed: all.bin, size: [2, 3] }')
  assert.deepEqual(inOrder, { patients: ['p', 'q', 'r'], images: levels(10, 20, 30), found: [['imageMissing', 1]] })
  const columns = 'scan: { packed: all.bin.gz, size: [2, 3], column: place }'
  const named = await load('who,y,place\np,1,2\nq,0,0\nr,1,-1\ns,1,3\nt,0,1.5\nu,1,x\n', columns)
  assert.deepEqual(named, { patients: ['p', 'q'], images: levels(30, 10), found: [['imageMissing', 4]] })
})

test('colours lie side by side in a file, and one after another in a model', async () => {
  writeFileSync(join(folder, 'colours.bin'), Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9, 0, 0, 0, 1, 2, 3))
  const { images } = await load('who,y\np,1\n', 'scan: { packed: colours.bin, size: [2, 3], channels: 3 }')
  // 0.299 red, 0.587 green, 0.114 blue.
  assert.deepEqual(images, [[76, 150, 29, 9, 0, 2]])
})

test('what was decoded is kept, and decoded again only when its file has changed', async () => {
  const columns = 'scan: { column: file, folder: scans }'
  const csv = 'who,y,file\np,1,a.png\nq,0,b.png\nr,1,c.png\n'
  const at = (name: string, seconds: number): void => utimesSync(join(folder, 'scans', name), seconds, seconds)
  for (const name of ['a.png', 'b.png', 'c.png']) at(name, 1000)
  const first = await load(csv, columns, keep)
  const [file = ''] = readdirSync(keep.folder)
  const written = readFileSync(join(keep.folder, file))
  // The same size and time: taken for the same, so that what is kept shows.
  savePng('a.png', 90)
  at('a.png', 1000)
  assert.deepEqual(await load(csv, columns, keep), first)
  assert.deepEqual(readFileSync(join(keep.folder, file)), written)
  at('a.png', 2000)
  assert.deepEqual((await load(csv, columns, keep)).images, levels(90, 20))
  // b was not read again.
  savePng('b.png', 70)
  at('b.png', 1000)
  assert.deepEqual((await load(csv, columns, keep)).images, levels(90, 20))
  assert.deepEqual(readdirSync(keep.folder), [file])
})

test('a torn or damaged file of what was decoded is not believed', async () => {
  const columns = 'scan: { column: file, folder: scans }'
  const csv = 'who,y,file\np,1,a.png\nq,0,b.png\n'
  const { images } = await load(csv, columns)
  rmSync(keep.folder, { recursive: true })
  await load(csv, columns, keep)
  const path = join(keep.folder, readdirSync(keep.folder)[0] ?? '')
  const whole = readFileSync(path)
  for (const damaged of [
    whole.subarray(0, whole.length - 3),
    whole.with(whole.length - 1, 1),
    Buffer.from('{}\n'),
    Buffer.from('nothing'),
    Buffer.alloc(0),
  ]) {
    writeFileSync(path, damaged)
    assert.deepEqual((await load(csv, columns, keep)).images, images)
    assert.deepEqual(readFileSync(path), whole)
  }
})

test('a change of what is packed, or in the folder, is noticed', () => {
  const config = configOf('scan: { packed: all.bin, size: [2, 3] }')
  const before = fingerprint(config, folder)
  assert.equal(fingerprint(config, folder), before)
  utimesSync(join(folder, 'all.bin'), 5, 5)
  assert.notEqual(fingerprint(config, folder), before)
})

test('a site that does not say where its images are, or says it wrongly, is told', async () => {
  const csv = 'who,y,scan\np,1,a.png\n'
  await assert.rejects(load(csv, 'other: x'), coded('WR_CONFIG', { field: 'columns.scan' }))
  await assert.rejects(
    load(csv, 'y: { column: y, folder: scans }, scan: { column: scan, folder: scans }'),
    coded('WR_CONFIG', { field: 'columns.y' }),
  )
  await assert.rejects(load(csv, 'scan: { packed: none.bin, size: [2, 3] }'), coded('WR_DATA_MISSING'))
  await assert.rejects(load(csv, 'scan: { packed: all.bin, size: [4, 3] }'), coded('WR_DATA_UNREADABLE'))
  writeFileSync(join(folder, 'torn.gz'), gzipSync(picture(1)).subarray(0, 12))
  await assert.rejects(load(csv, 'scan: { packed: torn.gz, size: [2, 3] }'), coded('WR_DATA_UNREADABLE'))
  const without = await loadTable({ config: configOf('scan: { column: absent, folder: scans }'), folder, study })
  assert.deepEqual(without.findings.map(({ code }) => code).slice(0, 1), ['missingColumn'])
})

test('masks come as images do, and no level but theirs comes of another size', async () => {
  const masked = studySchema.parse({
    ...study,
    data: { ...study.data, target: { column: 'mask', mask: { 5: 'ground', 200: 'lesion' } } },
    model: { layers: [{ conv2d: 1, kernel: 1 }] },
    training: { ...study.training, loss: 'dice' },
  })
  mkdirSync(join(folder, 'masks'))
  const grey = (width: number, levels: readonly number[]): Uint8Array =>
    encode({ width, height: levels.length / width, channels: 1, depth: 8, data: Uint8Array.from(levels) })
  savePng('a.png', 10)
  // Twice as large: of four pixels the one on the right below counts.
  const twice = [5, 200, 5, 5, 5, 5, 5, 200, 5, 5, 5, 5, 5, 5, 5, 200, 5, 5, 5, 5, 5, 200, 5, 5]
  writeFileSync(join(folder, 'masks', 'a.png'), grey(6, twice))
  // As high as its image is wide.
  writeFileSync(join(folder, 'masks', 'turned.png'), grey(4, twice))
  writeFileSync(join(folder, 'masks', 'strange.png'), grey(3, [5, 5, 5, 5, 5, 6]))
  writeFileSync(join(folder, 'masks.bin'), Uint8Array.of(5, 200, 5, 5, 200, 5))
  const tableOf = async (csv: string, mask: string) => {
    writeFileSync(join(folder, 'data.csv'), csv)
    const config = configOf(`scan: { column: file, folder: scans }, mask: ${mask}`)
    const { table, findings } = await loadTable({ config, folder, study: masked, keep })
    return {
      masks: table.masks?.map((one) => [...one]),
      target: [...table.target],
      codes: findings.map(({ code }) => code),
    }
  }
  const csv = 'who,file,drawn\np,a.png,a.png\nq,a.png,strange.png\nr,a.png,\ns,a.png,turned.png\n'
  const fromFiles = await tableOf(csv, '{ column: drawn, folder: masks }')
  assert.deepEqual(fromFiles.masks, [[1, 0, 0, 0, 1, 0]])
  assert.deepEqual(fromFiles.target, [1])
  assert.deepEqual(fromFiles.codes, ['maskLevel', 'imageMissing', 'maskProportions'])
  // From what was kept of them: the same.
  assert.deepEqual(await tableOf(csv, '{ column: drawn, folder: masks }'), fromFiles)
  const packed = await tableOf('who,file\np,a.png\n', '{ packed: masks.bin, size: [2, 3] }')
  assert.deepEqual(packed.masks, [[0, 1, 0, 0, 1, 0]])
  await assert.rejects(tableOf(csv, '{ column: drawn }'), coded('WR_CONFIG', { field: 'columns.mask' }))
})
