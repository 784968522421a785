/** The `authorization` header of a site (packages/core/src/protocol/proof.ts, packages/coordinator/src/auth.ts). */

import { proofChecker } from '@wardround/coordinator/auth.ts'
import type { Context } from '@wardround/coordinator/context.ts'
import { type KeyPair, sign } from '@wardround/core/protocol/signing.ts'
import fc from 'fast-check'
import { startOfTime, testClock } from '../../../packages/coordinator/src/testing/clock.ts'
import { ed25519, newKeys } from '../../../packages/coordinator/src/testing/keys.ts'
import { siteRow } from '../../../packages/coordinator/src/testing/rows.ts'
import { type Boundary, bytesOf, type Outcome } from '../boundary.ts'

const subject = { method: 'GET', path: '/v1/site/task', bodySha256: 'e'.repeat(64) }

/** `$signature` stands for the one that site a would make for what the header says. */
const header = (time: number | string, nonce: string, site = 'a'): string =>
  `Wardround site="${site}", time="${time}", nonce="${nonce}", body="${subject.bodySha256}", signature="$signature"`

function signed(text: string, keys: KeyPair, audience: string): string {
  const part = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(text)?.[1] ?? ''
  const { method, path } = subject
  const said = [part('site'), method, path, part('body'), audience, part('time'), part('nonce')].join('\n')
  return text.replace('$signature', sign(keys, 'wardround-proof-v1', said))
}

const nonces = fc.string({ unit: fc.constantFrom('a', 'B', '0', '_', '-', '.'), minLength: 14, maxLength: 66 })
const times = fc.oneof(
  fc.integer({ min: -70_000, max: 70_000 }).map((ms) => startOfTime + ms),
  fc.double(),
  fc.nat(),
)

export const proofs: Boundary = {
  name: 'proof',
  codes: ['WR_PROOF_INVALID', 'WR_SITE_UNKNOWN', 'WR_PROOF_CLOCK', 'WR_PROOF_REPLAYED', 'WR_SITE_LEFT'],
  seeds: [header(startOfTime, 'n'.repeat(22)), header(startOfTime, 'm'.repeat(22), 'gone'), 'Bearer x'].map(bytesOf),
  documents: fc.tuple(times, nonces).map(([time, nonce]) => bytesOf(header(time, nonce))),
  mutators: [],
  words: [
    'Wardround ',
    'site="a"',
    'site="gone"',
    'site="__proto__"',
    '", time="',
    'body="',
    'signature="',
    '$signature',
  ],
  sources: /packages\/core\/src\/protocol\/(?:proof|signing)\.ts|packages\/coordinator\/src\/auth\.ts/,
  // Nonces are remembered, and time stands still.
  inputsPerSession: 5000,
  open() {
    const [keys, own] = [newKeys(), newKeys()]
    const rows = new Map(
      [siteRow('a'), siteRow('gone', { state: 'left' })].map((row) => [
        row.name,
        { ...row, public_key: keys.publicKey },
      ]),
    )
    const store = { site: async (name: string) => rows.get(name) } as Context['store']
    const check = proofChecker({ store, clock: testClock(), keys: own, ed25519 })
    return {
      async take(input): Promise<Outcome> {
        const text = new TextDecoder().decode(input)
        const { site } = await check(signed(text, keys, own.publicKey), subject)
        if (site !== 'a') throw new Error(`taken for ${site}`)
        return 'accepted'
      },
      close: () => undefined,
    }
  },
}
