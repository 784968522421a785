/** Python with numpy, in a virtual environment of the benchmark's own that it makes where there is none. It needs Python 3.11 or later, and PyPI as pip is configured. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import { aggregateWords } from './words.ts'

const requirements = ['numpy==2.3.5']
const usual = fileURLToPath(new URL('.venv', import.meta.url))

/** The path of its Python. Errors: WR_USAGE where it cannot be made. */
export function pythonIn(environment = usual): string {
  const python = join(environment, 'bin', 'python')
  const works = (): boolean => spawnSync(python, ['-c', 'import numpy']).status === 0
  if (existsSync(python) && works()) return python
  const quiet = { stdio: ['ignore', 2, 2] as ('ignore' | 2)[] }
  spawnSync(process.env.PYTHON ?? 'python3', ['-m', 'venv', environment], quiet)
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...requirements]
  spawnSync(python, install, quiet)
  if (!works()) throw new WardroundError('WR_USAGE', { problem: aggregateWords.noNumpy(environment), command: 'bench' })
  return python
}
