/** Python with PyTorch, in a virtual environment of the benchmark's own that it makes where there is none. It needs PyPI as pip is configured. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import { engineWords } from './words.ts'

const requirements = ['torch==2.15.0', 'numpy==2.3.5']
const usual = fileURLToPath(new URL('.venv', import.meta.url))

export type Python = { readonly path: string; readonly torchVersion: string }

/** `environment`, or what TORCH_ENVIRONMENT names, or its own. Errors: WR_USAGE where it cannot be made. */
export function pythonIn(environment = process.env.TORCH_ENVIRONMENT ?? usual): Python {
  const path = join(environment, 'bin', 'python')
  const version = (): string | undefined => {
    const { status, stdout } = spawnSync(path, ['-c', 'import numpy, torch; print(torch.__version__)'], {
      encoding: 'utf8',
    })
    return status === 0 ? stdout.trim() : undefined
  }
  const found = existsSync(path) ? version() : undefined
  if (found !== undefined) return { path, torchVersion: found }
  const quiet = { stdio: ['ignore', 2, 2] as ('ignore' | 2)[] }
  spawnSync(process.env.PYTHON ?? 'python3', ['-m', 'venv', environment], quiet)
  spawnSync(path, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...requirements], quiet)
  const torchVersion = version()
  if (torchVersion === undefined)
    throw new WardroundError('WR_USAGE', { problem: engineWords.noTorch(environment), command: 'bench' })
  return { path, torchVersion }
}
