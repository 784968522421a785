/** The repository's own modules for a page: TypeScript without its types, names of packages as addresses, an empty page to run them in. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { extname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './repository.ts'

/** What a page's modules import by name → the package that stands for it there. */
export type Named = Readonly<Record<string, string>>

export type ModuleServer = {
  /** Of the empty page. */
  readonly url: string
  /** Paths that were asked for, and found, from the root of the repository. */
  readonly served: readonly string[]
  readonly close: () => Promise<void>
}

const types: Readonly<Record<string, string>> = {
  '.ts': 'text/javascript',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
}

/** Only to this machine. What is neither code nor WebAssembly is not given out, nor what lies outside of the repository. */
export async function serveModules(named: Named): Promise<ModuleServer> {
  const page = pageWith(named)
  const served: string[] = []
  const server = createServer(async ({ url = '/' }, response) => {
    const { pathname } = new URL(`http://page${url}`)
    const found = pathname === '/' ? page : await moduleAt(pathname).catch(() => undefined)
    if (found === undefined) {
      response.writeHead(404).end()
      return
    }
    served.push(pathname)
    response.writeHead(200, { 'content-type': found.type }).end(found.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    served,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

type Found = { readonly type: string; readonly body: string | Uint8Array }

async function moduleAt(pathname: string): Promise<Found | undefined> {
  const [path, extension] = [join(root, decodeURIComponent(pathname)), extname(pathname)]
  const type = types[extension]
  if (type === undefined || !path.startsWith(root + sep)) return undefined
  const body = await readFile(path)
  return { type, body: extension === '.ts' ? stripTypeScriptTypes(body.toString()) : body }
}

function pageWith(named: Named): Found {
  const addresses = Object.entries(named).map(([name, of]) => [name, addressOf(of)] as const)
  const imports = { '@wardround/core/': '/packages/core/src/', ...Object.fromEntries(addresses) }
  const map = JSON.stringify({ imports })
  return {
    type: 'text/html',
    body: `<!doctype html><title>modules</title><link rel="icon" href="data:,"><script type="importmap">${map}</script>`,
  }
}

/** Where the server has what Node finds under a name. */
function addressOf(name: string): string {
  const path = fileURLToPath(import.meta.resolve(name))
  return path.slice(root.length).replaceAll(sep, '/')
}
