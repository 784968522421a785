/**
 * Training in a browser: the code that a hospital trains with, as it stands, in headless Chromium, on ONNX Runtime's WebAssembly instead of its native library. From the same weights, data
 * and order of examples the same graphs give the same losses and weights, but for what two libraries' Float32 differ by.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { after, before, test } from 'node:test'
import type { Page } from 'puppeteer-core'
import { type OpenBrowser, openBrowser } from './browser.ts'
import { type ModuleServer, serveModules } from './module-server.ts'
import { root } from './repository.ts'
import { scratch } from './support.ts'
import { type NetworkName, networkNames, type Trained, trained, type WayName, wayNames } from './training-anywhere.ts'

const standIns = { 'onnxruntime-node': 'onnxruntime-web/wasm' }

let server: ModuleServer
let opened: OpenBrowser
let page: Page
const complaints: string[] = []

before(async () => {
  server = await serveModules(standIns)
  opened = await openBrowser()
  page = await opened.browser.newPage()
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`))
  await page.goto(server.url)
  await page.evaluate(async (runtime) => {
    // A site tells its native runtime something by a variable.
    Object.assign(globalThis, { process: { env: {} } })
    const { env }: typeof import('onnxruntime-web/wasm') = await import(runtime)
    env.wasm.numThreads = 1
  }, server.pathOf('onnxruntime-node'))
})
after(async () => {
  await opened?.close()
  await server?.close()
})

const trainedInPage = (network: NetworkName, way: WayName): Promise<Trained> =>
  page.evaluate(
    async (program, ...asked) => {
      const there: typeof import('./training-anywhere.ts') = await import(program)
      return there.trained(...asked)
    },
    '/tests/training-anywhere.ts',
    network,
    way,
  )

type Near = { readonly relative: number; readonly absolute: number }

/** Says how far apart they are at most, in shares of what is allowed. */
function assertNear(found: readonly number[], wanted: readonly number[], near: Near & { what: string }): number {
  assert.equal(found.length, wanted.length, near.what)
  const apart = wanted.map((value, index) => {
    const distance = Math.abs((found[index] ?? Number.NaN) - value)
    const share = distance / (near.absolute + near.relative * Math.abs(value))
    assert.ok(share <= 1, `${near.what}: ${found[index]} in the browser, ${value} here`)
    return share
  })
  return Math.max(...apart)
}

for (const network of networkNames)
  for (const way of wayNames)
    test(`${network}, ${way}: losses and weights in a browser are those of the native runtime`, async (t) => {
      const [wanted, found] = [await trained(network, way), await trainedInPage(network, way)]
      assert.deepEqual(complaints, [])
      // Something was learnt in some tens of steps.
      const [first = 0] = wanted.losses
      assert.ok(wanted.losses.length >= 40 && wanted.losses.slice(-5).every((loss) => loss < first / 2))
      const share = assertNear(found.losses, wanted.losses, { relative: 1e-4, absolute: 1e-6, what: 'loss' })
      t.diagnostic(`losses: ${(100 * share).toFixed(1)} % of what is allowed`)
      assert.deepEqual(Object.keys(found.weights), Object.keys(wanted.weights))
      for (const [name, values] of Object.entries(wanted.weights))
        assertNear(found.weights[name] ?? [], values, { relative: 1e-4, absolute: 1e-5, what: name })
    })

test('it was the browser that computed, with WebAssembly', () => {
  const isServed = (path: RegExp): boolean => server.served.some((served) => path.test(served))
  assert.ok(isServed(/onnxruntime-web\/dist\/ort-wasm-simd-threaded\.wasm$/))
  for (const module of ['graph/epoch.ts', 'graph/divided-step.ts', 'graph/differentiate.ts', 'graph/encode-model.ts'])
    assert.ok(server.served.includes(`/packages/core/src/${module}`), module)
})

test('the server of modules gives out code of this repository, and nothing else', async () => {
  const outside = join(scratch('outside'), 'outside.ts')
  writeFileSync(outside, 'export const secret = 1')
  const status = async (path: string): Promise<number> => (await fetch(`${server.url}${path.slice(1)}`)).status
  assert.equal(await status('/tests/module-server.ts'), 200)
  for (const path of ['/package.json', '/tests', '/tests/no-such.ts', '/%ff.ts', '//'])
    assert.equal(await status(path), 404, path)
  assert.equal(await status(`/${encodeURIComponent(relative(root, outside))}`), 404)
})
