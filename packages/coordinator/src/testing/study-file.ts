/** Files of studies, taken apart and put together again: to be changed by somebody who can sign. */
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import { type KeyPair, sign } from '@wardround/core/protocol/signing.ts'
import { endOfArchive, headerOf, paddingOf, taking } from '../archive/tar.ts'
import { sha256 } from './requests.ts'

export type Entry = { readonly name: string; readonly bytes: Buffer }

export async function entriesOf(file: Uint8Array): Promise<Entry[]> {
  const archive = taking(
    (async function* () {
      yield file
    })(),
  )
  const entries: Entry[] = []
  for (let head = await archive.header(); head !== undefined; head = await archive.header()) {
    entries.push({ name: head.name, bytes: Buffer.from(await archive.whole(head.sizeBytes)) })
    await archive.skipPadding(head.sizeBytes)
  }
  return entries
}

export const packed = (entries: readonly Entry[]): Buffer =>
  Buffer.concat([
    ...entries.flatMap(({ name, bytes }) => [headerOf(name, bytes.length), bytes, paddingOf(bytes.length)]),
    endOfArchive,
  ])

/** Entries but for the manifest, which is made and signed anew: its other fields are as in the one that was there. */
export function signedAnew(entries: readonly Entry[], manifest: Entry | undefined, keys: KeyPair): Buffer {
  const { document } = JSON.parse(String(manifest?.bytes)) as { document: string }
  const members = entries.map(({ name, bytes }) => ({ name, sizeBytes: bytes.length, sha256: sha256(bytes) }))
  const told = canonicalJson({ ...(JSON.parse(document) as object), members })
  const signed = { document: told, signature: sign(keys, 'wardround-study-v1', told) }
  return packed([...entries, { name: 'manifest.json', bytes: Buffer.from(JSON.stringify(signed)) }])
}
