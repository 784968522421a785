/** The repository's own modules for a page: TypeScript without its types, names of packages as addresses, an empty page to run them in. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { extname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './repository.ts'

/** What is imported by name → the package that stands in for it in a page. */
export type StandIns = Readonly<Record<string, string>>

export type ModuleServer = {
  /** Of the empty page. */
  readonly url: string
  /** The path that stands for a name. */
  readonly pathOf: (name: string) => string
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
export async function serveModules(standIns: StandIns): Promise<ModuleServer> {
  const pathOf = paths(standIns)
  const served: string[] = []
  const server = createServer(async ({ url = '/' }, response) => {
    const { pathname } = new URL(`http://page${url}`)
    const found = pathname === '/' ? page : await moduleAt(pathname, pathOf).catch(() => undefined)
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
    pathOf,
    served,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

type Found = { readonly type: string; readonly body: string | Uint8Array }

/** It asks for no icon. */
const page: Found = { type: 'text/html', body: '<!doctype html><title>modules</title><link rel="icon" href="data:,">' }

async function moduleAt(pathname: string, pathOf: (name: string) => string): Promise<Found | undefined> {
  const [path, extension] = [join(root, decodeURIComponent(pathname)), extname(pathname)]
  const type = types[extension]
  if (type === undefined || !path.startsWith(root + sep)) return undefined
  const body = await readFile(path)
  return { type, body: extension === '.ts' ? named(stripTypeScriptTypes(body.toString()), pathOf) : body }
}

/** `import … from 'name'`, where the name is that of a package. Ours alone have such; packages that we use name files. */
const named = (source: string, pathOf: (name: string) => string): string =>
  source.replaceAll(/(^import |\bfrom )'([^'./][^']*)'/gm, (_, before, name) => `${before}'${pathOf(name)}'`)

/** Where the server has what Node finds under a name; one that Node does not find stays as it is, and is missed in the page. */
const paths = (standIns: StandIns) => (name: string) => {
  try {
    const path = fileURLToPath(import.meta.resolve(standIns[name] ?? name))
    return path.slice(root.length).replaceAll(sep, '/')
  } catch {
    return name
  }
}
