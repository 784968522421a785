/** Where things are kept unless said otherwise, and how a researcher's access is found. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { type Client, createClient } from '@wardround/site/client.ts'
import { type ClosableNetwork, httpsNetwork, trustOf } from '@wardround/site/http.ts'
import type { Runtime } from './runtime.ts'

const home = ({ env }: Runtime): string => env.WARDROUND_HOME || join(homedir(), '.wardround')
export const coordinatorFolder = (runtime: Runtime, given?: string): string =>
  given ?? join(home(runtime), 'coordinator')
export const siteFolder = (runtime: Runtime, given?: string): string => given ?? join(home(runtime), 'site')

export type Account = { readonly client: Client; readonly url: string; close(): Promise<void> }

/** `given` is a token, or a file with one; else WARDROUND_ACCESS; else the file that this machine's coordinator wrote. Errors: WR_CREDENTIALS. */
export async function openAccount(runtime: Runtime, given?: string, authority?: string): Promise<Account> {
  const token = decodeToken('access', accessToken(runtime, given))
  const network: ClosableNetwork = httpsNetwork(token.url, trustOf(token, authority))
  const { clock, entropy, version } = runtime
  const client = createClient({ network, clock, entropy, version, identity: { kind: 'account', secret: token.secret } })
  return { client, url: token.url, close: network.close }
}

function accessToken(runtime: Runtime, given: string | undefined): string {
  const wanted = given ?? (runtime.env.WARDROUND_ACCESS || join(coordinatorFolder(runtime), 'access'))
  if (wanted.startsWith('wra1_')) return wanted
  if (!existsSync(wanted)) throw new WardroundError('WR_CREDENTIALS')
  return readFileSync(wanted, 'utf8')
}

/** With an account for as long as `work` takes. */
export async function withAccount<T>(
  runtime: Runtime,
  given: { readonly access?: string },
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const account = await openAccount(runtime, given.access)
  try {
    return await work(account.client)
  } finally {
    await account.close()
  }
}

/** A text file's content. Errors: WR_DATA_MISSING, WR_PERMISSION. */
export const readText = (path: string): string => readBytes(path).toString('utf8')

/** A file's content. Errors: WR_DATA_MISSING, WR_PERMISSION. */
export function readBytes(path: string): Buffer {
  if (!existsSync(path)) throw new WardroundError('WR_DATA_MISSING', { file: path })
  try {
    return readFileSync(path)
  } catch (error) {
    throw new WardroundError('WR_PERMISSION', { path, action: 'read' }, { cause: error })
  }
}

/** Errors: WR_PERMISSION. */
export function writeOut(path: string, content: string | Uint8Array): void {
  try {
    writeFileSync(path, content)
  } catch (error) {
    throw new WardroundError('WR_PERMISSION', { path, action: 'write' }, { cause: error })
  }
}

/**
 * The same while it comes, however large it is; its size. Under its name when it is whole and durable: where it breaks off, what was there
 * stays. Errors: WR_PERMISSION where nothing may be written there, WR_DISK, and those of the line.
 */
export async function streamOut(path: string, content: AsyncIterable<Uint8Array>): Promise<number> {
  const partial = `${path}.partial`
  const file = await open(partial, 'w').catch((error: unknown) => {
    throw new WardroundError('WR_PERMISSION', { path, action: 'write' }, { cause: error })
  })
  let sizeBytes = 0
  try {
    try {
      for await (const piece of content) {
        await file.writeFile(piece)
        sizeBytes += piece.length
      }
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(partial, path)
    return sizeBytes
  } catch (error) {
    await rm(partial, { force: true })
    if (error instanceof WardroundError) throw error
    throw new WardroundError('WR_DISK', { path, reason: error instanceof Error ? error.message : '' }, { cause: error })
  }
}

/** A folder, made where there is none. Errors: WR_PERMISSION. */
export function outFolder(path: string): string {
  try {
    mkdirSync(path, { recursive: true })
    return path
  } catch (error) {
    throw new WardroundError('WR_PERMISSION', { path, action: 'write' }, { cause: error })
  }
}
