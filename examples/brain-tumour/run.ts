/** `node examples/brain-tumour/run.ts`: four clinics learn from slices of MRI, on three splits of the images and in two partitions. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { publicResults } from '@wardround/cli/federation.ts'
import type { Estimate } from '@wardround/core/metrics/schema.ts'
import { parseStudy } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import type { Study } from '@wardround/core/study/study.ts'
import type { Bed } from '../shared/federation.ts'
import { chosenOf, inBed, runProgram, tableOf, usage } from '../shared/program.ts'
import { runStudy } from './federation.ts'
import { type Row, rowOf } from './figures.ts'
import { type Image, readImages, type Split, splits, usualFolder } from './images.ts'
import { type Partition, partitions } from './partition.ts'
import { brainWords } from './words.ts'

/** The network of convolutions reads 64 × 64 pixels of a packed file, also where it is trained as for unlike clinics; the reference's model 160 × 160 of JPEG files. */
export const models = {
  cnn: { file: 'study.yaml', form: 'packed' },
  unlike: { file: 'study-unlike.yaml', form: 'packed' },
  reference: { file: 'study-reference.yaml', form: 'files' },
} as const
export type Model = keyof typeof models
const modelNames: readonly Model[] = ['cnn', 'unlike', 'reference']

export const studyOf = (model: Model): Study => {
  const { file } = models[model]
  return parseStudy(readFileSync(new URL(file, import.meta.url), 'utf8'), file).study
}

type Run = { readonly model: Model; readonly split: Split; readonly partition: Partition }
type Found = { readonly rows: readonly Row[]; readonly first: Results }

/** The demo's fields, and a row for each run. */
export const documentOf = ({ rows, first, seconds }: Found & { readonly seconds: number }) => ({
  synthetic: false,
  ...publicResults(first),
  seconds,
  rows,
})

/** What is asked for, but for leaks among clinics that are unlike, whose one question is answered by even ones; and what is trained as for unlike clinics answers for these on the clean split alone. */
const runsOf = (chosen: { [K in keyof Run]: readonly Run[K][] }): readonly Run[] =>
  chosen.model
    .flatMap((model) =>
      chosen.split.flatMap((split) => chosen.partition.map((partition) => ({ model, split, partition }))),
    )
    .filter(({ split, partition }) => split !== 'unleaked' || partition === 'iid')
    .filter(({ model, split, partition }) => model !== 'unlike' || (split === 'clean' && partition === 'dirichlet'))

async function runAll(
  runs: readonly Run[],
  { images, folder }: { images: readonly Image[]; folder: string },
  bed: Bed,
): Promise<Found> {
  const rows: Row[] = []
  /** Of the same images, however they are dealt. */
  const centralised = new Map<string, Estimate>()
  let first: Results | undefined
  for (const { model, split, partition } of runs) {
    process.stderr.write(`${brainWords.running(model, split, partition)}\n`)
    const known = centralised.get(`${model} ${split}`)
    const asked = { images, folder, form: models[model].form, split, partition, seed: 1, pooled: known === undefined }
    const results = await runStudy(studyOf(model), asked, bed)
    const row = rowOf({ model, split, partition }, results, known)
    centralised.set(`${model} ${split}`, row.accuracy.centralised)
    rows.push(row)
    first ??= results
  }
  if (first === undefined) throw usage(brainWords.nothing())
  return { rows, first }
}

const oneOf = <T extends string>(option: string, known: readonly T[], typed: string | undefined): readonly T[] =>
  chosenOf(known, typed, brainWords.unknown(option, typed ?? '', known))

async function main(args: string[]): Promise<void> {
  const startedAt = performance.now()
  const text = { type: 'string' } as const
  const options = { json: { type: 'boolean' }, data: text, model: text, split: text, partition: text } as const
  const { values } = parseArgs({ args, options })
  const runs = runsOf({
    model: oneOf('model', modelNames, values.model),
    split: oneOf('split', splits, values.split),
    partition: oneOf('partition', partitions, values.partition),
  })
  const folder = resolve(values.data ?? usualFolder())
  const images = await readImages(folder)
  const found = await inBed((bed) => runAll(runs, { images, folder }, bed))
  const seconds = (performance.now() - startedAt) / 1000
  const shown = tableOf([brainWords.heads(), ...found.rows.map(brainWords.figures)])
  if (values.json) process.stdout.write(`${JSON.stringify(documentOf({ ...found, seconds }))}\n`)
  else process.stdout.write(`${shown}\n${brainWords.method()}\n${brainWords.seconds(seconds)}\n`)
}

if (import.meta.main) await runProgram(main)
