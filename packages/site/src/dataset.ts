/** A study's records at this site, read and prepared once, and again only when the file has changed. */

import type { Preparation } from '@wardround/core/preparation/schema.ts'
import { type Split, splitPatients } from '@wardround/core/preparation/split.ts'
import type { LocalFinding, TypedTable } from '@wardround/core/preparation/table.ts'
import { type ModelInputs, type Scales, scalesFor, transform } from '@wardround/core/preparation/transform.ts'
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

/** `site` names the random streams of the split. `folder` is where site.yaml stands, `keep` where decoded images are kept. */
export function datasetCache({
  config,
  folder,
  site,
  keep,
}: {
  config: SiteConfig
  folder: string
  site: string
  keep?: Keep
}): DatasetCache {
  let recordsKey = ''
  let records: Records | undefined
  let preparedKey = ''
  let prepared: Prepared | undefined
  const loadRecords = async (study: Study, planHash: string): Promise<Records> => {
    const key = `${planHash} ${fingerprint(config, folder)}`
    if (records !== undefined && key === recordsKey) return records
    const loaded = await loadTable({ config, folder, study, keep })
    const fresh = { ...loaded, split: splitPatients(loaded.table, study, site) }
    records = fresh
    recordsKey = key
    return fresh
  }
  return {
    records: loadRecords,
    async prepared(study, planHash, preparation) {
      const loaded = await loadRecords(study, planHash)
      const key = `${recordsKey} ${JSON.stringify(preparation)}`
      if (prepared === undefined || key !== preparedKey) {
        prepared = preparedWith(loaded, preparation)
        preparedKey = key
      }
      return prepared
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
