/** Who this site is: its key, born here, and the coordinator that it joined. */
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Disk, SiteWorld } from '@wardround/core/ports.ts'
import { type KeyPair, keyFileSchema, newKeyFile, readKeyFile } from '@wardround/core/protocol/signing.ts'
import { sha256Schema, siteNameSchema } from '@wardround/core/protocol/task.ts'
import { z } from 'zod'
import { readJson, writeJson } from './files.ts'

const trustSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('key'), sha256: sha256Schema }),
  z.strictObject({ kind: z.literal('authority'), pem: z.string() }),
  z.strictObject({ kind: z.literal('public') }),
])

const membershipSchema = z.strictObject({
  site: siteNameSchema,
  url: z.string(),
  coordinatorKey: z.string(),
  trust: trustSchema,
})
export type Membership = z.output<typeof membershipSchema>

/** The key in `folder`; made at the first call. It never leaves this machine. */
export function siteKeys(
  folder: string,
  { disk, ed25519, entropy }: Pick<SiteWorld, 'disk' | 'ed25519' | 'entropy'>,
): KeyPair {
  const path = join(folder, 'identity.json')
  if (readJson(disk, path, keyFileSchema) === undefined) writeJson(disk, path, newKeyFile(ed25519, entropy))
  const file = readJson(disk, path, keyFileSchema)
  const keys = file === undefined ? undefined : readKeyFile(ed25519, file)
  if (keys === undefined)
    throw new WardroundError('WR_CONFIG', { file: path, field: 'pkcs8', problem: 'it is not what was written here' })
  return keys
}

const membershipPath = (folder: string): string => join(folder, 'coordinator.json')

/** Errors: WR_NOT_JOINED. */
export function membershipOf(disk: Disk, folder: string): Membership {
  const found = readJson(disk, membershipPath(folder), membershipSchema)
  if (found === undefined) throw new WardroundError('WR_NOT_JOINED', { directory: folder })
  return found
}

export const isJoined = (disk: Disk, folder: string): boolean =>
  readJson(disk, membershipPath(folder), membershipSchema) !== undefined

export const saveMembership = (disk: Disk, folder: string, membership: Membership): void =>
  writeJson(disk, membershipPath(folder), membership)
