/** The file that a study names as its model, and what the plan says instead. */
import { WardroundError } from '../errors.ts'
import { plannedModel } from '../graph/import/planned.ts'
import { checkImport } from '../graph/inspect/check-import.ts'
import { encodeWeights } from '../safetensors.ts'
import { firstNotFinite } from '../vector.ts'
import { importedWords } from '../words/en/imported.ts'
import { sha256Hex } from './canonical.ts'
import type { ReadFile } from './plan.ts'
import type { Issue } from './plan-issues.ts'

type Read = { readonly data: unknown; readonly firstWeights?: Uint8Array<ArrayBuffer>; readonly issue?: Issue }

/** `data` is a study as it was written, of which nothing is known yet. Errors: those of `readFile`. */
export function withModelFile(data: unknown, readFile: ReadFile | undefined): Read {
  const model = memberOf(data, 'model')
  const file = memberOf(model, 'onnx')
  if (typeof file !== 'string') return { data }
  const issue = (problem: string): Read => ({ data, issue: { path: ['model', 'onnx'], problem } })
  if (readFile === undefined) return issue(importedWords.noFiles())
  const bytes = readFile(file)
  try {
    const { obstacles } = checkImport(bytes)
    if (obstacles.length > 0) return issue(importedWords.untrainable(obstacles))
    const { graph, weights } = plannedModel(bytes)
    const wrong = weights.find((tensor) => firstNotFinite(tensor.data) >= 0)
    if (wrong !== undefined) return issue(importedWords.notFinite(wrong.name))
    const firstWeights = encodeWeights(weights)
    const onnx = { graph, weights: { sha256: sha256Hex(firstWeights), sizeBytes: firstWeights.length } }
    return { data: { ...Object(data), model: { ...Object(model), onnx } }, firstWeights }
  } catch (error) {
    if (!(error instanceof WardroundError)) throw error
    return issue(importedWords.unreadable(file, String(error.parameters.problem ?? error.sentences.what)))
  }
}

const memberOf = (value: unknown, name: string): unknown =>
  value !== null && typeof value === 'object' && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
