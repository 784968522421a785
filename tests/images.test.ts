/** A study of images, from files to results and to predictions. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { seededRandom } from '@wardround/core/random.ts'
import { encode } from 'fast-png'
import { z } from 'zod'
import { document, scratch, wardround } from './support.ts'

const folder = scratch('images')
const [patients, side] = [40, 8]

/** Noise with a bright corner: the class says which. */
function picture(site: string, patient: number): Uint8Array {
  const random = seededRandom(['picture', site, patient])
  const [top, left] = [patient % 3 === 1 ? 4 : 0, patient % 3 === 2 ? 4 : 0]
  return Uint8Array.from({ length: side * side }, (_, pixel) => {
    const [row, column] = [Math.floor(pixel / side), pixel % side]
    const bright = row >= top && row < top + 4 && column >= left && column < left + 4
    return random.below(100) + (bright ? 100 : 0)
  })
}

/** A hospital that has a file an image, and the same hospital with one file of all. */
function prepare(site: string): { files: string; packed: string } {
  const home = join(folder, site)
  mkdirSync(join(home, 'scans'), { recursive: true })
  const pictures = Array.from({ length: patients }, (_, patient) => picture(site, patient))
  const png = (data: Uint8Array): Uint8Array => encode({ width: side, height: side, channels: 1, depth: 8, data })
  for (const [patient, data] of pictures.entries()) writeFileSync(join(home, 'scans', `${patient}.png`), png(data))
  writeFileSync(join(home, 'all.bin.gz'), gzipSync(Buffer.concat(pictures)))
  const rows = pictures.map((_, patient) => `p${patient},c${patient % 3},${patient}.png`)
  writeFileSync(join(home, 'data.csv'), `who,class,file\n${rows.join('\n')}\n`)
  const config = (name: string, scan: string): string => {
    const path = join(home, name)
    writeFileSync(path, `data: { file: data.csv }\ncolumns: { scan: ${scan} }\n`)
    return path
  }
  return {
    files: config('files.yaml', '{ column: file, folder: scans }'),
    packed: config('packed.yaml', `{ packed: all.bin.gz, size: [${side}, ${side}] }`),
  }
}

const study = join(folder, 'study.yaml')
writeFileSync(
  study,
  `wardround: 1
name: corners
question: Which corner is bright?
data:
  patient: who
  target: { column: class, classes: { c0: upper left, c1: lower left, c2: upper right } }
  columns: { scan: { type: image, size: [${side}, ${side}] } }
  split: { test: 0.3, stratify: target }
  minimumCohort: 3
model:
  layers:
    - { conv2d: 4, kernel: 3, padding: same, activation: relu }
    - { maxPool2d: 4 }
    - { flatten: {} }
    - { dense: 3, name: output }
training: { loss: categoricalCrossEntropy, optimizer: { adam: { rate: 0.03 } }, batch: 8, epochs: 4 }
strategy: { fedAvg: {} }
rounds: { maximum: 4 }
`,
)

const figure = z.looseObject({ value: z.number(), low: z.number(), high: z.number() })
const shown = z.looseObject({
  weightsSha256: z.string(),
  outcome: z.literal('completed'),
  overall: z.looseObject({
    federated: z.looseObject({ accuracy: figure }),
    centralised: z.looseObject({ accuracy: figure }),
  }),
})
const [north, south] = [prepare('north'), prepare('south')]

test('hospitals with files and with one packed file train the same model: which corner is bright', async () => {
  const run = async (a: string, b: string) => {
    const ran = await wardround(['simulate', study, '--site', `north=${a}`, '--site', `south=${b}`, '--json'])
    assert.equal(ran.code, 0, ran.stdout + ran.stderr)
    return shown.parse(document(ran))
  }
  const files = await run(north.files, south.files)
  const packed = await run(north.packed, south.files)
  assert.equal(files.weightsSha256, packed.weightsSha256)
  const { federated, centralised } = files.overall
  assert.ok(federated.accuracy.value > 0.9, `${federated.accuracy.value}`)
  assert.ok(centralised.accuracy.value > 0.9, `${centralised.accuracy.value}`)
  assert.ok(federated.accuracy.low <= federated.accuracy.value && federated.accuracy.value <= federated.accuracy.high)
})
