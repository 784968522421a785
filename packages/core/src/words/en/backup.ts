/** What is said of backups. */
import { sizeInWords } from './size.ts'

type Made = {
  readonly path: string
  readonly sizeBytes: number
  readonly studies: number
  readonly sites: number
  readonly madeAt: string
}

export const backupWords = {
  noManifest: (name: string) => `${name} is missing or damaged`,
  manifestField: (name: string, field: string) => `${name} is not understood at ${field}`,
  incomplete: () => 'it has no database, or no key',
  fileMissing: (path: string) => `${path} is missing`,
  fileDamaged: (path: string) => `${path} is damaged`,
  otherKey: () => 'its key is not the one that it names',
  blobMissing: (sha256: string) => `the blob ${sha256} is missing`,
  database: () => 'The PostgreSQL database',
  ended: () => 'The coordinator ended before the backup was done; nothing is left of it.',
  progress: (doneBytes: number, totalBytes: number) => `${sizeInWords(doneBytes)} of ${sizeInWords(totalBytes)}`,
  made: ({ path, sizeBytes, studies, sites }: Made) => [
    `Wrote ${path}: ${sizeInWords(sizeBytes)}, ${studies} studies, ${sites} hospitals. It holds the coordinator's keys: keep it as secret as the coordinator.`,
    `When it is needed: wardround coordinator restore ${path}`,
  ],
  lost: (sha256: string) =>
    `Lost before this backup was made, and not in it: the blob ${sha256}. An older backup may have it.`,
  restored: ({ path, madeAt }: Pick<Made, 'path' | 'madeAt'>) => [
    `Restored into ${path}, as it was at ${madeAt}. Hospitals that have done more since do it again, with the same results.`,
    'Give the coordinator the address it had, and see to it that the lost one never comes back beside it.',
  ],
  tokensUsed: (count: number) =>
    `${count} join tokens are used up, for they may have been used since. Make new ones: wardround token create NAME`,
  live: (madeAt: string) =>
    `The coordinator was restored from a backup of ${madeAt}. What hospitals have done since they do again, with the same results.`,
}
