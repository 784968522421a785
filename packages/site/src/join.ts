/** Joining a network with a one-time token: whom to trust is in it, the key is born here. */
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Network, SiteWorld } from '@wardround/core/ports.ts'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { createClient } from './client.ts'
import { journalled } from './egress/release.ts'
import { guarded } from './files.ts'
import { httpsNetwork, trustOf } from './http.ts'
import { type Membership, saveMembership, siteKeys } from './identity.ts'
import { openJournal } from './journal.ts'

export type JoinOptions = SiteWorld & {
  readonly folder: string
  readonly token: string
  /** PEM of an authority of the hospital's own. */
  readonly authority?: string
  readonly version: string
  /** In one process with the coordinator: requests without a network. */
  readonly network?: Network
}

/** Errors: WR_TOKEN_INVALID, WR_TOKEN_EXPIRED, WR_TOKEN_USED, WR_CERTIFICATE_PIN, WR_UNREACHABLE, WR_VERSION, WR_SIGNATURE_INVALID. */
export async function joinNetwork(options: JoinOptions): Promise<Membership> {
  const token = decodeToken('join', options.token)
  const keys = siteKeys(options.folder, options)
  // A key that was there may have come from a try whose disk failed: it must outlive the power before the coordinator knows it.
  guarded(options.folder, () => options.disk.syncFolder(options.folder))
  const trust = options.network === undefined ? trustOf(token, options.authority) : ({ kind: 'public' } as const)
  const closable = options.network === undefined ? httpsNetwork(token.url, trust) : undefined
  const network = options.network ?? closable
  if (network === undefined) throw new WardroundError('WR_INTERNAL', { what: 'no way to the coordinator' })
  const journal = openJournal({ ...options, path: join(options.folder, 'journal.ndjson') })
  try {
    const onSend = journalled(journal, { to: token.url, study: '', planHash: '' })
    const client = createClient({ ...options, network, identity: { kind: 'nobody' }, onSend })
    const body = { site: token.name, secret: token.secret, publicKey: keys.publicKey, version: options.version }
    const answer = await client.call('join', { body })
    if (answer.coordinatorKey !== token.coordinatorKey)
      throw new WardroundError('WR_SIGNATURE_INVALID', { what: 'the welcome' })
    const membership: Membership = { site: token.name, url: token.url, coordinatorKey: token.coordinatorKey, trust }
    journal.write('joined', { site: token.name, coordinator: token.url, publicKey: keys.publicKey })
    saveMembership(options.disk, options.folder, membership)
    return membership
  } finally {
    journal.close()
    await closable?.close()
  }
}
