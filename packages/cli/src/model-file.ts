/** A model as somebody has it in a file: of a study, whose layers are named there, or exported as ONNX. */
import type { ImportCheck } from '@wardround/core/graph/inspect/check-import.ts'
import { checkImport } from '@wardround/core/graph/inspect/check-import.ts'
import type { Inputs } from '@wardround/core/graph/network.ts'
import { plannedInputs } from '@wardround/core/preparation/encoding.ts'
import { parseStudy } from '@wardround/core/protocol/plan.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { readBytes, readText } from './homes.ts'

export type ModelFile =
  | { readonly kind: 'study'; readonly study: Study; readonly inputs: Inputs }
  | { readonly kind: 'onnx'; readonly check: ImportCheck }

/** Errors: WR_DATA_MISSING, WR_PERMISSION; those of a study; WR_GRAPH_INVALID. */
export function openModelFile(path: string): ModelFile {
  if (!/\.(ya?ml|json)$/i.test(path)) return { kind: 'onnx', check: checkImport(readBytes(path)) }
  const { study } = parseStudy(readText(path), path)
  return { kind: 'study', study, inputs: plannedInputs(study.data.columns) }
}
