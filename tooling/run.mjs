// Runs one of the project's programs under the project's own Node, after making sure that everything is installed.
// Plain JavaScript on purpose: it is all that the system's Node (20 or later) ever executes.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stamp = join(root, 'node_modules', '.wardround-installed')
const programs = {
  wardround: 'packages/cli/src/main.ts',
  demo: 'packages/cli/src/main.ts',
  test: 'tooling/test.ts',
  check: 'tooling/check.ts',
  bench: 'benchmarks/main.ts',
  soak: 'tests/storm/soak.ts',
  fuzz: 'benchmarks/fuzz/main.ts',
  operators: 'tooling/operators.ts',
}

const fail = (message) => {
  process.stderr.write(`${message}\n`)
  process.exit(8)
}

const installedNode = () =>
  ['bin/node', 'bin/node.exe'].map((path) => join(root, 'node_modules', 'node', path)).find(existsSync)

/** The digest of the lockfile that is to be installed, or undefined where it is. */
function wanted() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const done = existsSync(stamp) && readFileSync(stamp, 'utf8') === lock
  return done && installedNode() !== undefined ? undefined : lock
}

/** Two installations at once would delete each other's files: the second waits for the first. */
function takeTurn() {
  const turn = join(root, '.wardround', 'installing')
  const pause = new Int32Array(new SharedArrayBuffer(4))
  mkdirSync(dirname(turn), { recursive: true })
  for (;;) {
    try {
      writeFileSync(turn, String(process.pid), { flag: 'wx' })
      return () => rmSync(turn, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      if (!isAlive(Number(existsSync(turn) && readFileSync(turn, 'utf8')))) rmSync(turn, { force: true })
      Atomics.wait(pause, 0, 0, 200)
    }
  }
}

/** A file that is just being written names nobody yet: its owner is taken to live. */
function isAlive(pid) {
  if (!(pid > 0)) return true
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function install() {
  if (wanted() === undefined) return
  const done = takeTurn()
  try {
    const lock = wanted()
    if (lock !== undefined) installNow(lock)
  } finally {
    done()
  }
}

function installNow(lock) {
  process.stderr.write('Installing what Wardround needs (npm ci; once) …\n')
  // The versions beside this one are in the lockfile; scripts of dependencies run only as package.json allows.
  const npm = process.env.npm_execpath
  const environment = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' }
  const options = {
    cwd: root,
    env: environment,
    stdio: ['ignore', 2, 2],
    shell: npm === undefined && process.platform === 'win32',
  }
  const result =
    npm === undefined ? spawnSync('npm', ['ci'], options) : spawnSync(process.execPath, [npm, 'ci'], options)
  if (result.status !== 0) {
    fail(
      'npm ci failed (see above). It needs the npm registry and nothing else; behind a proxy: npm config set https-proxy URL',
    )
  }
  if (installedNode() === undefined) {
    fail(
      'npm ci did not bring Node 26. If scripts are switched off (ignore-scripts), allow the package "node": npm rebuild node',
    )
  }
  writeFileSync(stamp, lock)
}

if (Number(process.versions.node.split('.')[0]) < 20)
  fail(`Node 20 or later is needed to start; this is ${process.version}.`)
const [name, ...rest] = process.argv.slice(2)
const program = programs[name]
if (program === undefined) fail(`Usage: node tooling/run.mjs ${Object.keys(programs).join('|')} …`)
install()

// What one process has compiled the next ones find: a demo is six processes with five workers.
const compiled = process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules', '.cache', 'wardround-compiled')
const child = spawn(installedNode(), [join(root, program), ...(name === 'demo' ? ['demo'] : []), ...rest], {
  stdio: 'inherit',
  env: { ...process.env, NODE_COMPILE_CACHE: compiled },
})
// The terminal sends Ctrl-C to the whole group: the child ends by itself, and its exit code is ours.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => signal === 'SIGTERM' && child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
