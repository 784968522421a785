/** Python with numpy, in a virtual environment of the benchmark's own. */
import { fileURLToPath } from 'node:url'
import { pythonWith } from '../python.ts'

const usual = fileURLToPath(new URL('.venv', import.meta.url))

/** The path of its Python. Errors: WR_USAGE where it cannot be made. */
export const pythonIn = (environment = usual): string =>
  pythonWith({ environment, requirements: ['numpy==2.3.5'], modules: ['numpy'] })
