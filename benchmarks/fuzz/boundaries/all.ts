/** Every boundary, by name. */
import type { Boundary } from '../boundary.ts'
import { csv } from './csv.ts'
import { journal } from './journal.ts'
import { lines } from './lines.ts'
import { modelFiles } from './model-files.ts'
import { proofs } from './proof.ts'
import { routeBoundaries } from './routes/routes.ts'
import { safetensors, update } from './safetensors.ts'
import { offer, task } from './signed.ts'
import { studyFile } from './study-file.ts'
import { tokens } from './token.ts'
import { siteConfig, study } from './yaml.ts'

export const boundaries: readonly Boundary[] = [
  safetensors,
  update,
  ...modelFiles,
  study,
  siteConfig,
  csv,
  tokens,
  journal,
  proofs,
  task,
  offer,
  studyFile,
  lines,
  ...routeBoundaries,
]

/** Those that are called so, and those in a folder that is called so; all where nothing is asked for. */
export const boundariesNamed = (names: readonly string[]): readonly Boundary[] =>
  boundaries.filter(
    ({ name }) => names.length === 0 || names.some((asked) => name === asked || name.startsWith(`${asked}/`)),
  )
