/** A self-signed certificate, made once. */
// The certificate library's dependency needs this first.
import 'reflect-metadata'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'
import type { TlsFiles } from './identity.ts'

const lifeMs = 10 * 365 * 86_400_000

/** Self-signed, P-256: trust comes from the pin in the join token, not from who signed it. */
export async function makeCertificate(hosts: readonly string[], now: Date): Promise<TlsFiles> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const names = hosts.map((host) => ({ type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const), value: host }))
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Wardround coordinator',
    notBefore: new Date(now.getTime() - 86_400_000),
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
  return { certificate: certificate.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') }
}
