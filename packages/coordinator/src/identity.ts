/** Who the coordinator is: its Ed25519 key, and the certificate that sites pin. Both are born here and stay in its folder. */
import { createHash, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { World } from '@wardround/core/ports.ts'
import { type KeyPair, keyFileSchema, newKeyFile, readKeyFile } from '@wardround/core/protocol/signing.ts'

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

/** A certificate for `hosts`, made at the first start and kept as long as it names them all. */
export async function ownCertificate(folder: string, hosts: readonly string[], now: Date): Promise<TlsFiles> {
  const [certificatePath, keyPath] = [join(folder, 'certificate.pem'), join(folder, 'certificate.key')]
  if (existsSync(certificatePath) && existsSync(keyPath)) {
    const certificate = readFileSync(certificatePath, 'utf8')
    if (hosts.every((host) => namesHost(certificate, host))) return { certificate, key: readFileSync(keyPath, 'utf8') }
  }
  // Needed once in the life of a coordinator: not worth loading at every start.
  const { makeCertificate } = await import('./certificate.ts')
  const made = await makeCertificate(hosts, now)
  // The key first: whoever finds the old certificate beside it makes both anew.
  writePrivate(keyPath, made.key)
  writePrivate(certificatePath, made.certificate)
  return made
}

function namesHost(pem: string, host: string): boolean {
  const certificate = new X509Certificate(pem)
  const found = isIP(host) === 0 ? certificate.checkHost(host, { subject: 'never' }) : certificate.checkIP(host)
  return found !== undefined
}

/** What a token pins: SHA-256 of the certificate's DER form. */
export const certificateSha256 = (pem: string): string =>
  createHash('sha256').update(new X509Certificate(pem).raw).digest('hex')

/** A folder that only its owner may read. Errors: WR_PERMISSION. */
export function privateFolder(path: string): string {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new WardroundError('WR_PERMISSION', { path, action: 'write' }, { cause: error })
  }
  return path
}

/** Whole or not at all, and for its owner only. Errors: WR_PERMISSION. */
export function writePrivate(path: string, text: string): void {
  try {
    writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true })
    renameSync(`${path}.new`, path)
  } catch (error) {
    throw new WardroundError('WR_PERMISSION', { path, action: 'write' }, { cause: error })
  }
}
