/** The weights that a study starts from, all of them: for what is frozen, what is personal, and training alone. */
import { type Inputs, weightSpecs } from '@wardround/core/graph/network.ts'
import type { Study } from '@wardround/core/study/study.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { fetchWeights } from './blob.ts'
import type { SiteContext } from './context.ts'
import { firstWeights } from './local-training.ts'
import { studyFolder } from './study-folder.ts'

type Needs = Pick<SiteContext, 'fetchBlob' | 'disk' | 'folder'>

/**
 * Drawn, or as they came in a file with the plan, which names their digest: these are fetched once, and kept with the study. In memory of their own. Errors: of
 * fetchWeights().
 */
export async function startingWeights(
  site: Needs,
  id: string,
  { study, inputs }: { study: Study; inputs: Inputs },
): Promise<Weights> {
  const { model } = study
  if (!('onnx' in model)) return firstWeights(study, inputs)
  const { first } = studyFolder(site, id)
  const specs = weightSpecs(model, inputs)
  const kept = first.weights(model.onnx.weights, specs)
  if (kept !== undefined) return kept
  const fetched = await fetchWeights(site, model.onnx.weights, specs)
  first.save(fetched)
  return fetched
}
