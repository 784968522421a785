/**
 * Loaded into a trainer's process before anything else. What Node's permission model denies ends the process here, instead of being an error that could be caught and tried around; and
 * what it forgets is denied here: signals to other processes (of the same user, such as the site), and modules that open files by themselves (node:sqlite). It is a belt: native code is not held by it.
 */
import { subscribe } from 'node:diagnostics_channel'
import { writeSync } from 'node:fs'
import { isBuiltin, registerHooks } from 'node:module'
import { deniedKinds, deniedLine } from './denied.ts'
import './places.ts'

const { pid } = process
/** By which process.kill() does it: it is replaced below. */
const { _kill: kill } = process as unknown as { _kill(pid: number, signal: number): void }
const sigkill = 9

/** Says what was denied, and ends. Nobody can catch it. */
function denied(what: string): never {
  writeSync(2, deniedLine(what))
  kill(pid, sigkill)
  // It ends before it comes back.
  throw new Error(what)
}

for (const channel of ['fs', 'net', 'child', 'worker', 'wasi', 'addon', 'inspector', 'ffi'])
  subscribe(`node:permission-model:${channel}`, (message) => {
    const { permission, drop } = message as { permission: string; drop?: boolean }
    // Giving one up is told on the same channel.
    if (drop !== true) denied(permission)
  })

/** What training needs of Node, and what Node needs of itself for it. */
const needed: ReadonlySet<string> = new Set(['fs', 'fs/promises', 'module', 'path', 'url', 'util', 'worker_threads'])

const requireNeeded = (name: string): void => {
  const plain = name.replace(/^node:/, '')
  if (isBuiltin(name) && !needed.has(plain)) denied(deniedKinds.module)
}

registerHooks({
  resolve(specifier, context, next) {
    requireNeeded(specifier)
    return next(specifier, context)
  },
})

/** In the place of functions of `process` that reach other processes, or get round what stands above. */
const replaced: Readonly<Record<string, () => never>> = {
  kill: () => denied(deniedKinds.signal),
  _kill: () => denied(deniedKinds.signal),
  _debugProcess: () => denied(deniedKinds.signal),
  binding: () => denied(deniedKinds.module),
  _linkedBinding: () => denied(deniedKinds.module),
}
for (const [name, value] of Object.entries(replaced))
  Object.defineProperty(process, name, { value, writable: false, configurable: false })

const { getBuiltinModule } = process
Object.defineProperty(process, 'getBuiltinModule', {
  value: (name: string) => {
    requireNeeded(name)
    return getBuiltinModule(name)
  },
  writable: false,
  configurable: false,
})

// The terminal and supervisors signal to all processes of a site: when this one ends is for the site to say.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
