/** `wardround`: the only place with the real clock, randomness and process. */
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import packageJson from '../package.json' with { type: 'json' }
import { countBuffersWithHeap } from './heap.ts'
import { buildProgram } from './program.ts'
import type { Output, Runtime } from './runtime.ts'
import { realWorld } from './world.ts'

const startedAt = Date.now()
countBuffersWithHeap()
// Commands are loaded when called, after this: five processes start on what the first has compiled.
enableCompileCache()

const output = (stream: NodeJS.WriteStream): Output => ({
  write: (text) => void stream.write(text),
  isTTY: stream.isTTY === true,
  get columns() {
    return stream.columns ?? 100
  },
})

const interrupted = new AbortController()
process.on('SIGTERM', () => interrupted.abort())
// A second Ctrl-C does not wait. The demo's SIGTERM after the terminal's Ctrl-C is no second one.
let typed = 0
process.on('SIGINT', () => {
  typed += 1
  if (typed > 1) process.exit(130)
  interrupted.abort()
})
// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

const runtime: Runtime = {
  ...realWorld,
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  env: process.env,
  signal: interrupted.signal,
  version: packageJson.version,
  startedAt,
  self: [process.execPath, fileURLToPath(import.meta.url)],
}

process.exitCode = await buildProgram(runtime).run(process.argv.slice(2))
