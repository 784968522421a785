/** The four UCI Heart Disease files: given, beside the project, in the user's cache, downloaded with pinned digests, or else made up. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import { bytesOf, httpsNetwork } from '@wardround/site/http.ts'
import { outFolder } from '../homes.ts'

export type DemoData = {
  readonly folder: string
  readonly source: 'given' | 'beside' | 'cache' | 'downloaded' | 'synthetic'
}

/** UCI's own files, by SHA-256. */
export const uciFiles: Readonly<Record<string, string>> = {
  'processed.cleveland.data': 'a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8',
  'processed.hungarian.data': 'd1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796',
  'processed.switzerland.data': '834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314',
  'processed.va.data': 'e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f',
}

const uci = { host: 'https://archive.ics.uci.edu', path: '/ml/machine-learning-databases/heart-disease/' }

export type FindOptions = {
  readonly given: string | undefined
  /** The project's own folder. */
  readonly project: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly note: (line: string) => void
  /** Makes the four files of the twin in a folder. */
  readonly synthesise: (folder: string) => void
  readonly out: string
  /** Names and SHA-256 of the files that are wanted. */
  readonly files?: Readonly<Record<string, string>>
}

/** Errors: WR_DATA_MISSING where `given` has not all four files, WR_DIGEST_MISMATCH where one is another than UCI's. */
export async function findData({ files = uciFiles, ...options }: FindOptions): Promise<DemoData> {
  const { given, project, env, note, out } = options
  if (given !== undefined) return { folder: genuine(given, files), source: 'given' }
  for (const beside of ['../shared/data/heart_disease', '../shared/data/heart_disease/original']) {
    const folder = join(project, beside)
    if (missingIn(folder, files) === undefined) return { folder: genuine(folder, files), source: 'beside' }
  }
  const cache = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wardround', 'heart-disease')
  // A cache that is not whole, as a crash may leave it, is fetched anew.
  if (missingIn(cache, files) === undefined && alteredIn(cache, files) === undefined)
    return { folder: cache, source: 'cache' }
  try {
    await download(cache, files, note)
    return { folder: cache, source: 'downloaded' }
  } catch (error) {
    note(asWardroundError(error).sentences.what)
    const folder = outFolder(join(out, 'synthetic'))
    options.synthesise(folder)
    return { folder, source: 'synthetic' }
  }
}

type Files = Readonly<Record<string, string>>

const missingIn = (folder: string, files: Files): string | undefined =>
  Object.keys(files).find((name) => !existsSync(join(folder, name)))

const alteredIn = (folder: string, files: Files): string | undefined =>
  Object.entries(files).find(([name, sha256]) => digest(readFileSync(join(folder, name))) !== sha256)?.[0]

function genuine(folder: string, files: Files): string {
  const missing = missingIn(folder, files)
  if (missing !== undefined) throw new WardroundError('WR_DATA_MISSING', { file: join(folder, missing) })
  const altered = alteredIn(folder, files)
  if (altered !== undefined) throw new WardroundError('WR_DIGEST_MISMATCH', { what: join(folder, altered) })
  return folder
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A slow line is not waited for: the twin is there at once. */
const patienceMs = 20_000

async function download(folder: string, files: Files, note: (line: string) => void): Promise<void> {
  const network = httpsNetwork(uci.host, { kind: 'public' })
  const signal = AbortSignal.timeout(patienceMs)
  try {
    const fetched = await Promise.all(
      Object.entries(files).map(async ([name, sha256]) => {
        const response = await network.send({ method: 'GET', path: uci.path + name, headers: {}, signal })
        const bytes = await bytesOf(response, 1 << 20)
        if (response.status !== 200)
          throw new WardroundError('WR_DOWNLOAD', {
            url: uci.host + uci.path + name,
            reason: `It answered ${response.status}.`,
          })
        if (digest(bytes) !== sha256) throw new WardroundError('WR_DIGEST_MISMATCH', { what: name })
        note(`${name} ${bytes.length}`)
        return { name, bytes }
      }),
    )
    mkdirSync(folder, { recursive: true })
    for (const { name, bytes } of fetched) writeFileSync(join(folder, name), bytes)
  } finally {
    await network.close()
  }
}
