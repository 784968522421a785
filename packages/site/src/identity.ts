/** Who this site is: its key, born here, and the coordinator that it joined. */
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { generateKeyPair, importKeyPair, type KeyPair } from '@wardround/core/protocol/signing.ts'
import { siteNameSchema } from '@wardround/core/protocol/task.ts'
import { z } from 'zod'
import { readJson, writeJson } from './files.ts'

const keySchema = z.strictObject({ publicKey: z.string(), pkcs8: z.base64() })

const trustSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('certificate'), pem: z.string() }),
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
export async function siteKeys(folder: string): Promise<KeyPair> {
  const path = join(folder, 'identity.json')
  const found = readJson(path, keySchema)
  if (found !== undefined) return importKeyPair(Uint8Array.fromBase64(found.pkcs8), found.publicKey)
  const { publicKey, pkcs8 } = await generateKeyPair()
  writeJson(path, { publicKey, pkcs8: pkcs8.toBase64() })
  return siteKeys(folder)
}

const membershipPath = (folder: string): string => join(folder, 'coordinator.json')

/** Errors: WR_NOT_JOINED. */
export function membershipOf(folder: string): Membership {
  const found = readJson(membershipPath(folder), membershipSchema)
  if (found === undefined) throw new WardroundError('WR_NOT_JOINED', { directory: folder })
  return found
}

export const isJoined = (folder: string): boolean => readJson(membershipPath(folder), membershipSchema) !== undefined

export const saveMembership = (folder: string, membership: Membership): void =>
  writeJson(membershipPath(folder), membership)
