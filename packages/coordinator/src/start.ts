/** A coordinator in a folder: store, blobs, keys, certificate and the first access token, as a program runs it. */
import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { World } from '@wardround/core/ports.ts'
import { type Control, listenLocally } from './backup/control.ts'
import { folderBlobs } from './blobs/fs.ts'
import { recentBlobs } from './blobs/recent.ts'
import { smallBlobs } from './blobs/small.ts'
import type { Log } from './context.ts'
import { coordinatorKeys, ownCertificate, privateFolder, type TlsFiles, writePrivate } from './identity.ts'
import { keepCertificate } from './keep-certificate.ts'
import { type Coordinator, createCoordinator } from './server.ts'
import type { StoreOptions } from './store/open.ts'
import { openStore } from './store/store.ts'

export type StartOptions = World & {
  readonly folder: string
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** Where sites find it, if that is not https://host:port. */
  readonly publicUrl?: string
  /** 'sqlite', or the URL of a PostgreSQL database. */
  readonly store: string
  /** An own certificate and key; otherwise one is made, and pinned by tokens. */
  readonly tlsFiles?: { readonly certificate: string; readonly key: string }
  readonly version: string
  readonly log: Log
}

export type Started = { readonly coordinator: Coordinator; readonly url: string; readonly accessFile: string }

export async function startCoordinator(options: StartOptions): Promise<Started> {
  const { clock, entropy, ed25519, version, log } = options
  const folder = privateFolder(options.folder)
  const host = options.host === '0.0.0.0' || options.host === '::' ? 'localhost' : options.host
  const hosts = [...new Set([host, ...(options.publicUrl === undefined ? [] : [hostOf(options.publicUrl)])])]
  const { tlsFiles } = options
  const certificate = async (): Promise<TlsFiles> =>
    tlsFiles === undefined ? ownCertificate(folder, hosts, new Date(clock.now())) : readTls(tlsFiles)
  const tls = await certificate()
  const storeOptions: StoreOptions =
    options.store === 'sqlite'
      ? { kind: 'sqlite', path: join(folder, 'coordinator.sqlite') }
      : { kind: 'postgres', url: options.store }
  const keys = coordinatorKeys(folder, options)
  const files = await folderBlobs(join(folder, 'blobs'), entropy)
  // Last: what it takes is let go of by the coordinator alone.
  const store = await openStore(storeOptions, () => new Date(clock.now()).toISOString())
  const blobs = recentBlobs(smallBlobs(store, files))
  const coordinator = await createCoordinator({
    store,
    blobs,
    clock,
    entropy,
    ed25519,
    keys,
    version,
    log,
    tls,
    pinned: tlsFiles === undefined,
  })
  const closing = new AbortController()
  try {
    const port = await coordinator.listen({ host: options.host, port: options.port })
    const url = options.publicUrl ?? `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`
    coordinator.setPublicUrl(url)
    const accessFile = join(folder, 'access')
    if ((await store.accounts()).length === 0 || !existsSync(accessFile))
      writePrivate(accessFile, `${await coordinator.createAccess(await freeName(store.accounts), url)}\n`)
    void keepCertificate(tls, { certificate, renew: coordinator.renewCertificate, clock, log, signal: closing.signal })
    const backup: Control['backup'] = (path, watching) => coordinator.backup(folder, path, watching)
    const control = await listenLocally({ folder, entropy, backup })
    const close = async (): Promise<void> => {
      closing.abort()
      await control.close()
      await coordinator.close()
    }
    return { coordinator: { ...coordinator, close }, url, accessFile }
  } catch (error) {
    await coordinator.close()
    throw error
  }
}

/** Without the brackets that an IPv6 address has in a URL. */
const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')

const freeName = async (accounts: () => Promise<{ name: string }[]>): Promise<string> => {
  const taken = (await accounts()).length
  return taken === 0 ? 'admin' : `admin-${taken + 1}`
}

function readTls({ certificate, key }: TlsFiles): TlsFiles {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      throw new WardroundError('WR_PERMISSION', { path, action: 'read' }, { cause: error })
    }
  }
  return { certificate: read(certificate), key: read(key) }
}
