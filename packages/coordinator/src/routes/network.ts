/** Joining, leaving, and who is there. */

import { WardroundError } from '@wardround/core/errors.ts'
import type { RouteRequest } from '@wardround/core/protocol/routes.ts'
import { encodeToken } from '@wardround/core/protocol/token.ts'
import { checkVersion, newSecret } from '../auth.ts'
import type { Context } from '../context.ts'
import { sha256Of } from '../digest.ts'
import type { Handlers } from '../handlers.ts'
import type { TaskRow } from '../store/schema.ts'

export type NetworkOptions = {
  readonly version: string
  /** The address that tokens carry; known once the server listens. */
  readonly publicUrl: () => string
  /** What tokens pin; undefined where an authority vouches for us. */
  readonly certificateKeySha256: string | undefined
  /** When each site was last heard of. */
  readonly lastSeen: ReadonlyMap<string, number>
}

type Names = 'health' | 'join' | 'leave' | 'createToken' | 'sites' | 'removeSite'

export function networkHandlers(context: Context, options: NetworkOptions): Pick<Handlers, Names> {
  const { store, clock, entropy, keys } = context
  return {
    health: async () => ({ status: 'ok', version: options.version, nowMs: clock.now() }),
    async join({ body }) {
      checkVersion(body.version, options.version)
      await join(context, body)
      return { site: body.site, coordinatorKey: keys.publicKey, version: options.version, nowMs: clock.now() }
    },
    async leave(_, caller) {
      await depart(context, caller.name, caller.name)
      return {}
    },
    async createToken({ body }, caller) {
      const existing = await store.site(body.site)
      if (existing?.state === 'joined') throw new WardroundError('WR_SITE_EXISTS', { site: body.site })
      const secret = newSecret(entropy)
      const expiresAt = clock.now() + body.validForMs
      await store.transaction(async (tables) => {
        await tables.addToken({
          secret_sha256: sha256Of(secret),
          site: body.site,
          expires_at: expiresAt,
          used_at: null,
        })
        await tables.audit('token.created', { site: body.site, by: caller.name, expiresAt })
      })
      const pin =
        options.certificateKeySha256 === undefined ? {} : { certificateKeySha256: options.certificateKeySha256 }
      const token = encodeToken('join', {
        url: options.publicUrl(),
        secret,
        name: body.site,
        coordinatorKey: keys.publicKey,
        ...pin,
      })
      return { token, expiresAt: new Date(expiresAt).toISOString() }
    },
    async sites() {
      const rows = await store.sites()
      const iso = (time: number | undefined): string | null =>
        time === undefined ? null : new Date(time).toISOString()
      return {
        sites: rows.map(({ name, state, joined_at, version }) => ({
          name,
          state,
          joinedAt: joined_at,
          version,
          lastSeenAt: iso(options.lastSeen.get(name)),
        })),
      }
    },
    async removeSite({ params }, caller) {
      const row = await store.site(params.site)
      if (row === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'site', name: params.site })
      await depart(context, params.site, caller.name)
      return {}
    },
  }
}

/** Once with a token; the same site may ask again, whose welcome was lost on its way. */
async function join({ store, clock }: Context, body: RouteRequest<'join'>['body']): Promise<void> {
  const digest = sha256Of(body.secret)
  const token = await store.token(digest)
  if (token === undefined || token.site !== body.site)
    throw new WardroundError('WR_TOKEN_INVALID', { problem: 'unknown', kind: 'join' })
  const known = await store.site(body.site)
  if (token.used_at !== null && known?.state === 'joined' && known.public_key === body.publicKey) return
  if (token.used_at !== null) throw new WardroundError('WR_TOKEN_USED', { site: body.site })
  if (token.expires_at < clock.now()) throw new WardroundError('WR_TOKEN_EXPIRED', { site: body.site })
  await store.transaction(async (tables) => {
    if (!(await tables.useToken(digest, clock.now()))) throw new WardroundError('WR_TOKEN_USED', { site: body.site })
    // Of two tokens for one name the first makes the site; the second must not take its place.
    if ((await tables.site(body.site))?.state === 'joined')
      throw new WardroundError('WR_SITE_EXISTS', { site: body.site })
    await tables.putSite({
      name: body.site,
      public_key: body.publicKey,
      state: 'joined',
      version: body.version,
      joined_at: new Date(clock.now()).toISOString(),
    })
    await tables.event({ kind: 'site.joined', study: null, payload: { site: body.site } })
    await tables.audit('site.joined', { site: body.site, publicKey: body.publicKey })
  })
}

/** Its open tasks are closed, so that no round waits for a site that is gone. */
async function depart(context: Context, site: string, by: string): Promise<void> {
  const result = JSON.stringify({ kind: 'failed', code: 'WR_SITE_LEFT', parameters: { site }, refused: true })
  const open = await context.store.transaction(async (tables): Promise<TaskRow[]> => {
    await tables.updateSite(site, { state: 'left' })
    const tasks = await tables.openTasksOfSite(site)
    for (const { id } of tasks)
      await tables.settleTask(id, { state: 'failed', result, settled_at: context.clock.steadyNow() })
    await tables.event({ kind: 'site.left', study: null, payload: { site } })
    await tables.audit('site.left', { site, by })
    return tasks
  })
  context.notifier.wake(`site/${site}`)
  for (const study of new Set(open.map((task) => task.study))) context.advance(study)
  for (const { id } of open) await context.blobs.staged.discard(id)
}
