/** Studies' records at this site, each study's read and prepared once, and again only when the file has changed. */

import type { ModelInputs } from '@wardround/core/preparation/inputs.ts'
import type { Preparation } from '@wardround/core/preparation/schema.ts'
import { type Split, splitPatients } from '@wardround/core/preparation/split.ts'
import type { LocalFinding, TypedTable } from '@wardround/core/preparation/table.ts'
import { type Scales, scalesFor, transform } from '@wardround/core/preparation/transform.ts'
import type { Study } from '@wardround/core/study/study.ts'
import type { SiteConfig } from './config.ts'
import type { Keep } from './data/images/readers.ts'
import { fingerprint, loadTable } from './data/load.ts'

export type Records = { readonly table: TypedTable; readonly findings: readonly LocalFinding[]; readonly split: Split }

export type Prepared = {
  readonly records: Records
  readonly scales: Scales
  readonly training: ModelInputs
  readonly validation: ModelInputs
  readonly test: ModelInputs
}

export type DatasetCache = {
  records(study: Study, planHash: string): Promise<Records>
  prepared(study: Study, planHash: string, preparation: Preparation): Promise<Prepared>
}

type Place = {
  readonly config: SiteConfig
  /** Where site.yaml stands. */
  readonly folder: string
  /** Names the random streams of the split. */
  readonly site: string
  /** Where decoded images are kept. */
  readonly keep?: Keep
  /** Of so many the data stays in memory: of those that were asked for last. */
  readonly studies?: number
}

type Kept = {
  readonly key: string
  readonly records: Records
  prepared?: { readonly key: string; readonly value: Prepared }
}

export function datasetCache({ config, folder, site, keep, studies = 1 }: Place): DatasetCache {
  /** By plan hash; the one that was used last is the last. */
  const kept = new Map<string, Kept>()
  const loaded = async (study: Study, planHash: string): Promise<Kept> => {
    const key = fingerprint(config, folder)
    const known = kept.get(planHash)
    kept.delete(planHash)
    // Before another is read, and after others were meanwhile: only so many have memory.
    keepLast(studies - 1)
    const own = known?.key === key ? known : { key, records: await read(study) }
    kept.set(planHash, own)
    keepLast(studies)
    return own
  }
  const keepLast = (count: number): void => {
    for (const old of [...kept.keys()].slice(0, Math.max(0, kept.size - count))) kept.delete(old)
  }
  const read = async (study: Study): Promise<Records> => {
    const records = await loadTable({ config, folder, study, keep })
    return { ...records, split: splitPatients(records.table, study, site) }
  }
  return {
    records: async (study, planHash) => (await loaded(study, planHash)).records,
    async prepared(study, planHash, preparation) {
      const own = await loaded(study, planHash)
      const key = JSON.stringify(preparation)
      if (own.prepared?.key !== key) own.prepared = { key, value: preparedWith(own.records, preparation) }
      return own.prepared.value
    },
  }
}

/** Model inputs of every part of the split. */
export function preparedWith(records: Records, preparation: Preparation): Prepared {
  const { table, split } = records
  const scales = scalesFor(preparation, table, split.training)
  const part = (rows: Int32Array): ModelInputs => transform(table, preparation, { rows, scales })
  return { records, scales, training: part(split.training), validation: part(split.validation), test: part(split.test) }
}
