/** What tests of the repository itself need: its files and what they import. */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Tracked and new files, not ignored ones. */
export const files: readonly string[] = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard'],
  { cwd: root, encoding: 'utf8' },
)
  .split('\n')
  .filter((path) => path !== '')

export const read = (path: string): string => readFileSync(join(root, path), 'utf8')

export const isTest = (path: string): boolean =>
  /\.(test|suite)\.ts$/.test(path) || path.includes('/fixtures/') || path.includes('/testing/')

/** The specifiers a module imports, static and dynamic. */
export function importsOf(path: string): string[] {
  const text = read(path)
  return [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^'"\n]*?(?:\{[^}]*\}[^'"\n]*?)?['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g,
    ),
  ].map(([, fixed, dynamic]) => fixed ?? dynamic ?? '')
}

/** The repository path that an import of `from` means, or undefined where it is a dependency. */
export function targetOf(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return relative(root, resolve(root, dirname(from), specifier))
  const [, name, rest] = /^@wardround\/([a-z]+)\/(.+)$/.exec(specifier) ?? []
  return name === undefined ? undefined : `packages/${name}/src/${rest}`
}
