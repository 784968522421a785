/** Python with packages, in a virtual environment of a benchmark's own that is made where there is none. It needs Python 3.11 or later (`PYTHON` names another), and PyPI as pip is configured. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { benchWords } from './words.ts'

export type Wanted = {
  readonly environment: string
  /** As pip takes them. */
  readonly requirements: readonly string[]
  /** What must be there to import. */
  readonly modules: readonly string[]
}

/** The path of its Python. Errors: WR_USAGE where it cannot be made. */
export function pythonWith({ environment, requirements, modules }: Wanted): string {
  const python = join(environment, 'bin', 'python')
  const works = (): boolean => spawnSync(python, ['-c', `import ${modules.join(', ')}`]).status === 0
  if (existsSync(python) && works()) return python
  const quiet = { stdio: ['ignore', 2, 2] as ('ignore' | 2)[] }
  spawnSync(process.env.PYTHON ?? 'python3', ['-m', 'venv', environment], quiet)
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...requirements]
  spawnSync(python, install, quiet)
  if (!works())
    throw new WardroundError('WR_USAGE', { problem: benchWords.noPython(modules, environment), command: 'bench' })
  return python
}
