/** Who the coordinator is: its Ed25519 key, and the certificate whose key sites pin. Both are born here and stay in its folder. */
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname, join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { World } from '@wardround/core/ports.ts'
import { type KeyPair, keyFileSchema, newKeyFile, readKeyFile } from '@wardround/core/protocol/signing.ts'
import { syncFolder } from './sync-folder.ts'

export type TlsFiles = { readonly certificate: string; readonly key: string }

/** The key pair in `folder`, made at the first start. Errors: WR_CONFIG for a damaged file, WR_PERMISSION. */
export function coordinatorKeys(folder: string, { ed25519, entropy }: Pick<World, 'ed25519' | 'entropy'>): KeyPair {
  const path = join(folder, 'identity.json')
  if (!existsSync(path)) writePrivate(path, `${JSON.stringify(newKeyFile(ed25519, entropy))}\n`)
  const damaged = (cause?: unknown): WardroundError => {
    const problem = 'it is damaged; restore it from a backup'
    return new WardroundError('WR_CONFIG', { file: path, field: '', problem }, { cause })
  }
  try {
    const keys = readKeyFile(ed25519, keyFileSchema.parse(JSON.parse(readFileSync(path, 'utf8'))))
    if (keys !== undefined) return keys
  } catch (error) {
    throw damaged(error)
  }
  throw damaged()
}

/** So long before a certificate expires it is made anew. */
const renewAheadMs = 30 * 86_400_000

/**
 * A certificate for `hosts`, made at the first start, and anew, for the same key, when it does not name them all or is about to expire: the key is
 * what sites pin. Errors: WR_CONFIG for a damaged key, WR_PERMISSION.
 */
export async function ownCertificate(folder: string, hosts: readonly string[], now: Date): Promise<TlsFiles> {
  const [certificatePath, keyPath] = [join(folder, 'certificate.pem'), join(folder, 'certificate.key')]
  const key = existsSync(keyPath) ? readKey(keyPath) : undefined
  if (key !== undefined && existsSync(certificatePath)) {
    const certificate = readFileSync(certificatePath, 'utf8')
    if (stillGood(certificate, { key, hosts, now })) return { certificate, key: key.pem }
  }
  // Needed once in a year: not worth loading at every start.
  const { makeCertificate } = await import('./certificate.ts')
  const made = await makeCertificate(hosts, now, key?.pem)
  // The key first: whoever finds another certificate beside it makes that anew.
  if (key === undefined) writePrivate(keyPath, made.key)
  writePrivate(certificatePath, made.certificate)
  return made
}

type Key = { readonly pem: string; readonly key: KeyObject }

/** Another key would shut every site out: a damaged one is not replaced. */
function readKey(path: string): Key {
  try {
    const pem = readFileSync(path, 'utf8')
    return { pem, key: createPrivateKey(pem) }
  } catch (error) {
    const problem = 'it is damaged; restore it from a backup'
    throw new WardroundError('WR_CONFIG', { file: path, field: '', problem }, { cause: error })
  }
}

type Wanted = { readonly key: Key; readonly hosts: readonly string[]; readonly now: Date }

function stillGood(pem: string, { key, hosts, now }: Wanted): boolean {
  try {
    const certificate = new X509Certificate(pem)
    return (
      certificate.checkPrivateKey(key.key) &&
      certificate.validFromDate <= now &&
      certificate.validToDate.getTime() - now.getTime() > renewAheadMs &&
      hosts.every((host) => namesHost(certificate, host))
    )
  } catch {
    // Not a certificate at all: no good.
    return false
  }
}

function namesHost(certificate: X509Certificate, host: string): boolean {
  const found = isIP(host) === 0 ? certificate.checkHost(host, { subject: 'never' }) : certificate.checkIP(host)
  return found !== undefined
}

/** What a token pins: SHA-256 of the certificate's public key as SubjectPublicKeyInfo in DER (RFC 7469, section 2.4). */
export const certificateKeySha256 = (pem: string): string =>
  createHash('sha256')
    .update(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')

/** A folder that only its owner may read. Errors: WR_PERMISSION. */
export function privateFolder(path: string): string {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new WardroundError('WR_PERMISSION', { path, action: 'write' }, { cause: error })
  }
  return path
}

/** Whole or not at all, durably, and for its owner only. Errors: WR_PERMISSION. */
export function writePrivate(path: string, text: string): void {
  try {
    writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true })
    renameSync(`${path}.new`, path)
    // Or the new name could be lost with the power, and with it who the coordinator is.
    syncFolder(dirname(path))
  } catch (error) {
    throw new WardroundError('WR_PERMISSION', { path, action: 'write' }, { cause: error })
  }
}
