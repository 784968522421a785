/** The file that a study names as its model, and what the plan says instead. */
import { WardroundError } from '../errors.ts'
import { isAdapter } from '../graph/import/adapters.ts'
import { plannedModel } from '../graph/import/planned.ts'
import { checkImport } from '../graph/inspect/check-import.ts'
import { isNamed } from '../graph/network.ts'
import { encodeWeights } from '../safetensors.ts'
import { fileLoraSchema } from '../study/model.ts'
import { firstNotFinite } from '../vector.ts'
import type { Weights } from '../weights.ts'
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
  const issue = (problem: string, path: readonly PropertyKey[] = ['onnx']): Read => ({
    data,
    issue: { path: ['model', ...path], problem },
  })
  if (readFile === undefined) return issue(importedWords.noFiles())
  const { lora: asked, ...rest } = Object(model) as Record<string, unknown>
  const lora = fileLoraSchema.optional().safeParse(asked)
  if (!lora.success) return issue(lora.error.issues[0]?.message ?? '', ['lora', ...(lora.error.issues[0]?.path ?? [])])
  const bytes = readFile(file)
  try {
    const { obstacles } = checkImport(bytes)
    if (obstacles.length > 0) return issue(importedWords.untrainable(obstacles))
    const { graph, weights, frozen: adapted } = plannedModel(bytes, lora.data)
    const wrong = weights.find((tensor) => firstNotFinite(tensor.data) >= 0)
    if (wrong !== undefined) return issue(importedWords.notFinite(wrong.name))
    const firstWeights = encodeWeights(weights)
    const onnx = { graph, weights: { sha256: sha256Hex(firstWeights), sizeBytes: firstWeights.length } }
    const frozen = adapted.length === 0 ? {} : { frozen: frozenBeside(rest.frozen, { adapted, weights }) }
    return { data: { ...Object(data), model: { ...rest, ...frozen, onnx } }, firstWeights }
  } catch (error) {
    if (!(error instanceof WardroundError)) throw error
    const { field, problem } = error.parameters
    if (error.code === 'WR_STUDY_INVALID') return issue(String(problem), String(field).split('.').slice(1))
    return issue(importedWords.unreadable(file, String(error.parameters.problem ?? error.sentences.what)))
  }
}

/** What was to be frozen was so of the file's own weights: adapters are what is learnt. */
function frozenBeside(asked: unknown, { adapted, weights }: { adapted: readonly string[]; weights: Weights }): unknown {
  if (asked !== undefined && !(Array.isArray(asked) && asked.every((name) => typeof name === 'string'))) return asked
  const own = weights.map(({ name }) => name).filter((name) => !isAdapter(name))
  const named = (asked ?? []).flatMap((pattern: string) =>
    weights.some(({ name }) => isAdapter(name) && isNamed(name, pattern))
      ? own.filter((name) => isNamed(name, pattern))
      : [pattern],
  )
  return [...new Set([...named, ...adapted])]
}

const memberOf = (value: unknown, name: string): unknown =>
  value !== null && typeof value === 'object' && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
