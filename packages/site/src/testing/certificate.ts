/** A self-signed certificate for tests (X.509 version 3, RFC 5280), written as DER by hand: no key lies in the repository. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'

const der = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Uint8Array.of(tag, ...size), content])
}
const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts)
const oid = (...bytes: readonly number[]): Buffer => der(0x06, Uint8Array.from(bytes))
const utcTime = (date: Date): Buffer =>
  der(0x17, Buffer.from(`${date.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`))

/** 1.2.840.10045.4.3.2, ecdsa-with-SHA256 */
const algorithm = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
/** 2.5.4.3, commonName */
const named = (name: string): Buffer => sequence(der(0x31, sequence(oid(0x55, 4, 3), der(0x0c, Buffer.from(name)))))
/** 2.5.29.17, subjectAltName: one DNS name */
const forHost = (host: string): Buffer =>
  sequence(oid(0x55, 0x1d, 0x11), der(0x04, sequence(der(0x82, Buffer.from(host)))))
/** 2.5.29.19, basicConstraints: an authority, so that it vouches for itself */
const authority = sequence(
  oid(0x55, 0x1d, 0x13),
  der(0x01, Uint8Array.of(255)),
  der(0x04, sequence(der(0x01, Uint8Array.of(255)))),
)

export type TestCertificate = { readonly certificate: string; readonly key: string }

/** `key` (PEM): that of another one. */
export function testCertificate(host: string, years: { from: number; to: number }, key?: string): TestCertificate {
  const privateKey =
    key === undefined ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey : createPrivateKey(key)
  const publicKey = createPublicKey(privateKey)
  const year = (value: number): Buffer => utcTime(new Date(Date.UTC(value, 0, 1)))
  const body = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(1)),
    algorithm,
    named('test'),
    sequence(year(years.from), year(years.to)),
    named('test'),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(authority, forHost(host))),
  )
  const signature = der(0x03, Uint8Array.of(0), sign('sha256', body, privateKey))
  const base64 = sequence(body, algorithm, signature).toString('base64')
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  }
}
