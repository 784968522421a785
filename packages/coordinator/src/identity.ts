/** Who the coordinator is: its Ed25519 key, and the certificate that sites pin. Both are born here and stay in its folder. */
import { createHash, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { generateKeyPair, importKeyPair, type KeyPair } from '@wardround/core/protocol/signing.ts'
import { z } from 'zod'

export type TlsFiles = { readonly certificate: string; readonly key: string }

const identitySchema = z.strictObject({ publicKey: z.string(), pkcs8: z.base64() })

/** The key pair in `folder`, made at the first start. Errors: WR_CONFIG for a damaged file, WR_PERMISSION. */
export async function coordinatorKeys(folder: string): Promise<KeyPair> {
  const path = join(folder, 'identity.json')
  if (!existsSync(path)) {
    const { publicKey, pkcs8 } = await generateKeyPair()
    writePrivate(path, `${JSON.stringify({ publicKey, pkcs8: pkcs8.toBase64() })}\n`)
  }
  try {
    const { publicKey, pkcs8 } = identitySchema.parse(JSON.parse(readFileSync(path, 'utf8')))
    return await importKeyPair(Uint8Array.fromBase64(pkcs8), publicKey)
  } catch (error) {
    const problem = 'it is damaged; restore it from a backup'
    throw new WardroundError('WR_CONFIG', { file: path, field: '', problem }, { cause: error })
  }
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
