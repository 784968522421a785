/** `npm run check`: format, lint and types of the whole tree; `--fix` mends what can be mended. */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const fix = process.argv.includes('--fix')

const steps: readonly (readonly string[])[] = [
  ['@biomejs/biome/bin/biome', 'check', '--error-on-warnings', ...(fix ? ['--write'] : []), '.'],
  ['typescript/bin/tsc', '-p', '.'],
  // Core once more without Node's types: it must run in a browser.
  ['typescript/bin/tsc', '-p', 'packages/core'],
]

for (const [program = '', ...rest] of steps) {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', program), ...rest], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}
