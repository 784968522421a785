/**
 * A table and a site.yaml for each site of a federation: node examples/icu-mortality/prepare.ts [FOLDER] [--out FOLDER]. The data is read where it
 * lies; what is written falls under its licence, the ODbL.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { permutation, seededRandom } from '@wardround/core/random.ts'
import { readStays, type Stay, usualFolder } from './stays.ts'

export const federations = ['hospitals', 'regions'] as const
export type Federation = (typeof federations)[number]

/** A hospital with fewer stays takes no part in the federation of hospitals. */
export const minimumStays = 20

/** Patients who are tested. Of most hospitals' ten that makes four. */
const testShare = 0.4

/**
 * The patients who are tested, drawn at each hospital. A patient is in one part wherever they lie, also at two hospitals: where they came first decides.
 */
export function testedPatients(stays: readonly Stay[], seed: number): ReadonlySet<string> {
  const home = new Map<string, string>()
  for (const { patient, hospital } of stays) if (!home.has(patient)) home.set(patient, hospital)
  const tested = new Set<string>()
  for (const [hospital, own] of Map.groupBy(home.keys(), (patient) => home.get(patient) ?? '')) {
    const patients = own.toSorted()
    const order = permutation(patients.length, seededRandom(['icu-mortality', seed, hospital]))
    for (const place of order.slice(0, Math.round(testShare * patients.length))) tested.add(patients[place] ?? '')
  }
  return tested
}

/** The stays of each site, by name. */
export function sitesOf(stays: readonly Stay[], federation: Federation): ReadonlyMap<string, readonly Stay[]> {
  if (federation === 'regions') return Map.groupBy(stays, ({ region }) => region)
  const hospitals = Map.groupBy(stays, ({ hospital }) => `h${hospital}`)
  return new Map([...hospitals].filter(([, own]) => own.length >= minimumStays))
}

export type Splitting = { readonly federation: Federation; readonly seed: number }

/** Writes SITE.csv and SITE.yaml for each site into `to`, which is made anew, and says their names. */
export function writeSites(stays: readonly Stay[], to: string, { federation, seed }: Splitting): string[] {
  const tested = testedPatients(stays, seed)
  rmSync(to, { recursive: true, force: true })
  mkdirSync(to, { recursive: true })
  const sites = sitesOf(stays, federation)
  for (const [site, own] of sites) {
    writeFileSync(join(to, `${site}.csv`), tableOf(own, tested))
    writeFileSync(join(to, `${site}.yaml`), siteYaml(site))
  }
  return [...sites.keys()].toSorted()
}

function tableOf(stays: readonly Stay[], tested: ReadonlySet<string>): string {
  const columns = Object.keys(stays[0]?.cells ?? {})
  const lines = stays.map(({ patient, died, cells }) =>
    [patient, tested.has(patient) ? 'test' : 'training', died ? 1 : 0, ...columns.map((name) => cells[name])].join(','),
  )
  return `${[['patient', 'part', 'died', ...columns].join(','), ...lines].join('\n')}\n`
}

/** These people are public and de-identified, and ten a hospital: what a real hospital keeps to itself is shown here. */
const siteYaml = (site: string): string =>
  `name: ${site}\ndata: { file: ${site}.csv, oneOutcome: true }\npolicy: { minimumCohort: 1 }\n`

if (import.meta.main) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } })
  const out = resolve(values.out ?? join('out', 'icu-mortality'))
  const stays = await readStays(positionals[0] ?? usualFolder())
  for (const federation of federations) {
    const names = writeSites(stays, join(out, federation), { federation, seed: 1 })
    process.stdout.write(`${join(out, federation)}: ${names.join(' ')}\n`)
  }
}
