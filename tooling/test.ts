/** `npm test`: checks first (format, lint, types), then every *.test.ts in a process of its own; ends with what was counted. */
import { globSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const patterns = process.argv.slice(2)
const files = globSync(
  ['packages/**/*.test.ts', 'tests/**/*.test.ts', 'examples/**/*.test.ts', 'benchmarks/**/*.test.ts'],
  {
    cwd: root,
    exclude: (path) => path.includes('node_modules'),
  },
)
  .filter((path) => patterns.length === 0 || patterns.some((pattern) => path.includes(pattern)))
  .toSorted()
  .map((path) => `${root}/${path}`)

// A browser that has to be installed is so before any of them runs: two at once would be in each other's way, and a test's time is its own.
if (files.some((path) => readFileSync(path, 'utf8').includes("'./browser.ts'"))) {
  const { findBrowser } = await import('../tests/browser.ts')
  try {
    findBrowser()
  } catch {
    // Those that need one say so.
  }
}

const counts = { passed: 0, failed: 0, skipped: 0 }
const stream = run({ files, concurrency: 2, timeout: 900_000 })
stream.on('test:pass', ({ skip, details }) => {
  if (details.type === 'suite') return
  if (skip === undefined || skip === false) counts.passed += 1
  else counts.skipped += 1
})
stream.on('test:fail', ({ details }) => {
  if (details.type !== 'suite') counts.failed += 1
})
stream.compose(spec).pipe(process.stdout)
stream.on('end', () => {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
  process.on('exit', () => process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed${skipped}\n`))
  process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1
})
