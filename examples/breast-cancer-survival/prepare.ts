/**
 * A table and a site.yaml for each region: node examples/breast-cancer-survival/prepare.ts [FOLDER] [--out FOLDER]. The data is read where it lies; its
 * terms are in README.md, and hold for what is written, too.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { inputs, type Patient, readPatients, regions, usualFolder } from './patients.ts'

/** Writes REGION.csv and REGION.yaml for each region into `to`, which is made anew, and says their names. */
export function writeSites(patients: readonly Patient[], to: string): readonly string[] {
  rmSync(to, { recursive: true, force: true })
  mkdirSync(to, { recursive: true })
  for (const region of regions) {
    const own = patients.filter((patient) => patient.region === region)
    writeFileSync(join(to, `${region}.csv`), tableOf(own))
    writeFileSync(join(to, `${region}.yaml`), `name: ${region}\ndata: { file: ${region}.csv }\n`)
  }
  return regions
}

export function tableOf(patients: readonly Patient[]): string {
  const lines = patients.map(({ id, part, days, died, findings }) =>
    [id, part, days, died ? 1 : 0, ...findings].join(','),
  )
  return `${[['patient', 'part', 'days', 'died', ...inputs].join(','), ...lines].join('\n')}\n`
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } })
  const out = resolve(values.out ?? join('out', 'breast-cancer-survival'))
  const names = writeSites(await readPatients(positionals[0] ?? usualFolder()), out)
  process.stdout.write(`${out}: ${names.join(' ')}\n`)
}
