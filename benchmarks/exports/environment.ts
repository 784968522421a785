/**
 * Python with PyTorch, in a virtual environment of the benchmark's own that it makes where there is none, or in that of --environment or EXPORTS_ENVIRONMENT.
 * It needs Python 3.11 or later, and PyPI as pip is configured.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import { exportsWords } from './words.ts'

const here = fileURLToPath(new URL('.', import.meta.url))

export type Python = {
  /** Runs one of the programs beside this file; what it says goes to stderr. Errors: WR_USAGE where it fails. */
  run(program: string, args: readonly string[]): void
  /** Whether it has a module. */
  has(module: string): boolean
}

/** Errors: WR_USAGE where it cannot be made. */
export function pythonIn(environment = process.env.EXPORTS_ENVIRONMENT ?? join(here, '.venv')): Python {
  const python = join(environment, 'bin', 'python')
  const quiet = { stdio: ['ignore', 2, 2] as ('ignore' | 2)[] }
  // Keras runs on PyTorch here.
  const env = { ...process.env, CUDA_VISIBLE_DEVICES: '', OMP_NUM_THREADS: '1', KERAS_BACKEND: 'torch' }
  const has = (modules: string): boolean => spawnSync(python, ['-c', `import ${modules}`], { env }).status === 0
  const needed = 'torch, torchvision, onnx, onnxscript, onnxruntime'
  if (!existsSync(python) || !has(needed)) {
    spawnSync(process.env.PYTHON ?? 'python3', ['-m', 'venv', environment], quiet)
    const requirements = ['--requirement', join(here, 'requirements.txt')]
    spawnSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...requirements], quiet)
    if (!has(needed))
      throw new WardroundError('WR_USAGE', { problem: exportsWords.noPython(environment), command: 'bench' })
  }
  return {
    has,
    run: (program, args) => {
      const { status } = spawnSync(python, ['-W', 'ignore', join(here, program), ...args], { ...quiet, env })
      if (status !== 0)
        throw new WardroundError('WR_USAGE', { problem: exportsWords.failed(program), command: 'bench' })
    },
  }
}
