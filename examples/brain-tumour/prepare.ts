/**
 * A table and a site.yaml for each clinic: node examples/brain-tumour/prepare.ts [FOLDER] [--out FOLDER]. Images are read where they lie.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Image, readImages, splits, usualFolder } from './images.ts'
import { type Dealt, deal, partitions, type Splitting } from './partition.ts'

/** `packed`: 64 × 64 pixels, all in one file; `files`: JPEG files of 128 × 128. */
export type Form = 'packed' | 'files'

export type Data = { readonly images: readonly Image[]; readonly folder: string; readonly form: Form }

/** Writes CLINIC.csv and CLINIC.yaml for each clinic into `to`, which is made anew, and says their names. */
export function writeSites({ images, folder, form }: Data, to: string, splitting: Splitting): string[] {
  rmSync(to, { recursive: true, force: true })
  mkdirSync(to, { recursive: true })
  const dealt = deal(images, splitting)
  for (const [clinic, own] of dealt) {
    writeFileSync(join(to, `${clinic}.csv`), tableOf(own, splitting))
    writeFileSync(join(to, `${clinic}.yaml`), siteYaml(clinic, { folder, form }))
  }
  return [...dealt.keys()].toSorted()
}

/** Nobody says whose images these are. Those that are nearly the same count as one patient's; as published, some of these are on both sides, and each image counts as a patient's. */
function tableOf(dealt: readonly Dealt[], { split }: Splitting): string {
  const lines = dealt.map(({ image: { index, path, label, group }, part }) =>
    [split === 'clean' ? `g${group}` : `i${index}`, index, path, label, part].join(','),
  )
  return `${['patient,index,file,class,part', ...lines].join('\n')}\n`
}

/** Public images of nobody who is named; a clinic may have one class alone. */
function siteYaml(clinic: string, { folder, form }: Omit<Data, 'images'>): string {
  const scan =
    form === 'packed'
      ? { packed: join(folder, 'images_64_u8.bin.gz'), size: [64, 64], column: 'index' }
      : { column: 'file', folder: join(folder, 'jpg128') }
  const data = { file: `${clinic}.csv`, oneOutcome: true }
  return `${[
    `name: ${clinic}`,
    `data: ${JSON.stringify(data)}`,
    `columns: { scan: ${JSON.stringify(scan)} }`,
    'policy: { minimumCohort: 1 }',
  ].join('\n')}\n`
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } })
  const out = resolve(values.out ?? join('out', 'brain-tumour'))
  const folder = resolve(positionals[0] ?? usualFolder())
  const images = await readImages(folder)
  for (const split of splits)
    for (const partition of partitions) {
      const to = join(out, `${split}-${partition}`)
      const names = writeSites({ images, folder, form: 'packed' }, to, { split, partition, seed: 1 })
      process.stdout.write(`${to}: ${names.join(' ')}\n`)
    }
}
