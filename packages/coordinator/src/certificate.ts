/** A self-signed certificate, made again when it is about to expire, for the same key. */
// The certificate library's dependency needs this first.
import 'reflect-metadata'
import { createPublicKey } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'
import type { TlsFiles } from './identity.ts'

const dayMs = 86_400_000
/** As long as browsers accept: sites pin the key, so that a renewal costs nobody anything. */
const lifeMs = 397 * dayMs

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** Self-signed, P-256: trust comes from the pin in the join token, not from who signed it. `key` (PEM) is the one to keep; absent: a new one. */
export async function makeCertificate(hosts: readonly string[], now: Date, key?: string): Promise<TlsFiles> {
  const keys = await (key === undefined ? crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) : keysOf(key))
  const names = hosts.map((host) => ({ type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const), value: host }))
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Wardround coordinator',
    notBefore: new Date(now.getTime() - dayMs),
    notAfter: new Date(now.getTime() + lifeMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.SubjectAlternativeNameExtension(names),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ],
  })
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  return { certificate: certificate.toString('pem'), key: key ?? x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') }
}

async function keysOf(pem: string): Promise<CryptoKeyPair> {
  const [pkcs8 = new ArrayBuffer()] = x509.PemConverter.decode(pem)
  const spki = createPublicKey(pem).export({ type: 'spki', format: 'der' })
  return {
    privateKey: await crypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']),
    publicKey: await crypto.subtle.importKey('spki', Uint8Array.from(spki), algorithm, true, ['verify']),
  }
}
