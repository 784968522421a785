/** The coordinator, put together from parts that are given to it. */

import { Server as TlsServer } from 'node:tls'
import { WardroundError } from '@wardround/core/errors.ts'
import type { World } from '@wardround/core/ports.ts'
import type { KeyPair } from '@wardround/core/protocol/signing.ts'
import { encodeToken } from '@wardround/core/protocol/token.ts'
import Fastify, { type FastifyInstance } from 'fastify'
import { newSecret, proofChecker } from './auth.ts'
import { backup, type Watching } from './backup/backup.ts'
import { type Made, madeOf } from './backup/manifest.ts'
import type { BlobStore } from './blobs/blob-store.ts'
import { keptBlobs } from './blobs/kept.ts'
import type { Context, Log } from './context.ts'
import { sha256Of } from './digest.ts'
import { createEventFeed } from './event-feed.ts'
import { certificateKeySha256, type TlsFiles } from './identity.ts'
import { defaultLimits, fastifyLimits, httpLimits, type Limits, limitConnections, tlsLimits } from './limits.ts'
import { createMover } from './mover.ts'
import { createNotifier } from './notifier.ts'
import { apiPage, openApiDocument } from './openapi.ts'
import { refuse, refuseLine } from './refusals.ts'
import { register } from './registrar.ts'
import { resume } from './resume.ts'
import { archiveHandlers } from './routes/archive.ts'
import { firstWeightsHandlers } from './routes/first-weights.ts'
import { networkHandlers } from './routes/network.ts'
import { recordHandlers } from './routes/records.ts'
import { siteWorkHandlers } from './routes/site-work.ts'
import { studyHandlers } from './routes/studies.ts'
import type { Store } from './store/store.ts'
import { advanceStudy, nextDeadline } from './study-run.ts'
import { refuseUnknownRoutes } from './unknown-routes.ts'

export type CoordinatorOptions = World & {
  readonly store: Store
  readonly blobs: BlobStore
  readonly keys: KeyPair
  readonly version: string
  readonly log: Log
  /** Absent in one process with its sites, where nothing is on a network. */
  readonly tls?: TlsFiles
  readonly limits?: Limits
  /** Whether sites pin the certificate's key (it is our own) or trust its authority. */
  readonly pinned?: boolean
}

export type Coordinator = {
  /** For requests without a network: `app.inject`. */
  readonly app: FastifyInstance
  /** Listens, and returns the port. Errors: WR_PORT_IN_USE, WR_PERMISSION. */
  listen(address: { readonly host: string; readonly port: number }): Promise<number>
  /** A new access token. `url` is where clients find this coordinator. */
  createAccess(name: string, url: string): Promise<string>
  /** The address that join tokens carry. */
  setPublicUrl(url: string): void
  /** For connections from now on; those that are open stay. Errors: of TLS, where key and certificate do not go together. */
  renewCertificate(tls: TlsFiles): void
  /** Of all that it has and knows, with what else lies in `folder`. Errors: of backup(). */
  backup(folder: string, path: string, watching: Watching): Promise<Made>
  /** Resolves when nothing is being moved on. */
  idle(): Promise<void>
  close(): Promise<void>
}

export async function createCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  const { store, clock, tls } = options
  const closing = new AbortController()
  const notifier = createNotifier(clock)
  const mover = createMover(
    (id) => advanceStudy(context, id),
    (id) => nextDeadline(context, id),
    { clock, closing: closing.signal, log: options.log },
  )
  const ways = { blobs: keptBlobs(options), notifier, advance: mover.advance }
  const damage = { lost: new Set<string>(), mended: new Set<string>() }
  const context: Context = { ...options, ...ways, damage, startedAt: clock.steadyNow(), bytesDown: new Map() }
  const feed = createEventFeed({ store, notifier })
  let publicUrl = 'https://localhost'
  const pin = tls === undefined || options.pinned === false ? undefined : certificateKeySha256(tls.certificate)
  const lastSeen = new Map<string, number>()
  const counters = { requests_total: 0, errors_total: 0 }
  const app = createApp(context, options)
  countResponses(app, counters)
  addDocuments(app, options.version)
  const network = {
    version: options.version,
    publicUrl: () => publicUrl,
    certificateKeySha256: pin,
    lastSeen,
  }
  const requests = register(app, {
    context,
    handlers: {
      ...networkHandlers(context, network),
      ...siteWorkHandlers(context),
      ...studyHandlers(context),
      ...archiveHandlers(context, options.version),
      ...firstWeightsHandlers(context),
      ...recordHandlers(context, { feed, counters: () => ({ ...counters, sites_heard: lastSeen.size }) }),
    },
    proofs: proofChecker(context),
    version: options.version,
    closing: closing.signal,
    heard: (site) => void lastSeen.set(site, clock.now()),
  })
  await app.ready()
  const work = await resume(context, mover)
  return {
    app,
    listen: (address) => listen(app, address),
    createAccess: (name, url) => createAccess(context, { name, url, pin }),
    setPublicUrl: (url) => {
      publicUrl = url
    },
    renewCertificate: (renewed) => renewCertificate(app, renewed),
    async backup(folder, path, watching) {
      const source = { ...context, folder, coordinatorKey: options.keys.publicKey, version: options.version }
      return madeOf(path, await backup(source, path, watching))
    },
    idle: work.idle,
    async close() {
      closing.abort()
      feed.close()
      await app.close()
      await requests.idle()
      await work.idle()
      await store.close()
    },
  }
}

type Access = { readonly name: string; readonly url: string; readonly pin: string | undefined }

async function createAccess({ store, entropy, keys }: Context, { name, url, pin }: Access): Promise<string> {
  const secret = newSecret(entropy)
  await store.addAccount({ name, secret_sha256: sha256Of(secret) })
  const trust = pin === undefined ? {} : { certificateKeySha256: pin }
  return encodeToken('access', { url, secret, name, coordinatorKey: keys.publicKey, ...trust })
}

function renewCertificate({ server }: FastifyInstance, { certificate, key }: TlsFiles): void {
  if (server instanceof TlsServer) server.setSecureContext({ cert: certificate, key, ...tlsVersion })
}

const tlsVersion = { minVersion: 'TLSv1.3' as const }

/** Fastify with or without TLS. Its types differ by server, which nothing here depends on. */
function createApp(
  context: Context,
  { tls, limits = defaultLimits }: Pick<CoordinatorOptions, 'tls' | 'limits'>,
): FastifyInstance {
  const line =
    tls === undefined
      ? { http: httpLimits(limits) }
      : { https: { cert: tls.certificate, key: tls.key, ...tlsVersion, ...httpLimits(limits), ...tlsLimits(limits) } }
  const app = Fastify({
    ...line,
    ...fastifyLimits(limits),
    logger: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
    // Paths that are none, and lines that speak no HTTP, never reach a route's error handler.
    frameworkErrors: (error, request, reply) => void refuse(error, { request, reply, context }),
    clientErrorHandler: (error, socket) => refuseLine(error, socket, context),
  }) as unknown as FastifyInstance
  limitConnections(app.server, limits)
  refuseUnknownRoutes(app)
  return app
}

function countResponses(app: FastifyInstance, counters: { requests_total: number; errors_total: number }): void {
  app.addHook('onResponse', async (_, reply) => {
    counters.requests_total += 1
    if (reply.statusCode >= 400) counters.errors_total += 1
  })
}

function addDocuments(app: FastifyInstance, version: string): void {
  app.get('/openapi.json', async () => openApiDocument(version))
  app.get('/docs', async (_, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .send(apiPage(version)),
  )
}

async function listen(app: FastifyInstance, { host, port }: { host: string; port: number }): Promise<number> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EADDRINUSE') throw new WardroundError('WR_PORT_IN_USE', { port, host }, { cause: error })
    if (code === 'EACCES')
      throw new WardroundError('WR_PERMISSION', { path: `${host}:${port}`, action: 'listen on' }, { cause: error })
    throw error
  }
  const address = app.server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}
