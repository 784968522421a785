/** `wardround model pull` and `site export`: finished models as files. */
import { WardroundError } from '@wardround/core/errors.ts'
import { exportModel } from '@wardround/core/graph/export.ts'
import { weightSpecs } from '@wardround/core/graph/network.ts'
import { preparationSchema, preparedInputs } from '@wardround/core/preparation/schema.ts'
import { grantSchema } from '@wardround/core/protocol/task.ts'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import { usageWords } from '@wardround/core/words/en/usage.ts'
import { studyFolder } from '@wardround/site/study-folder.ts'
import { streamOut, withAccount, writeOut } from '../homes.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import type { Runtime } from '../runtime.ts'
import { withSite } from '../site-session.ts'
import { usageOf } from '../usage.ts'

type Options = CommonOptions & { access?: string; dir?: string; config?: string; out?: string; format?: string }
type Typed = { readonly args: readonly string[]; readonly options: Options }

export const modelPull = (runtime: Runtime, { args: [study = ''], options }: Typed): Promise<Outcome> =>
  withAccount(runtime, options, async (client) => {
    const format = options.format ?? 'onnx'
    if (format !== 'onnx' && format !== 'safetensors')
      throw usageOf('model pull')(usageWords.noFormat(format, ['onnx', 'safetensors']))
    const path = options.out ?? `${study}.${format}`
    const { body } = await client.download('model', { params: { study }, query: { format } })
    const sizeBytes = await streamOut(path, body)
    return { data: { path, sizeBytes }, lines: [cliWords.wrote(path)] }
  })

/** The finished model with this hospital's personal weights and, where it normalises by itself, its own scales. */
export const siteExport = (runtime: Runtime, { args: [id = ''], options }: Typed): Promise<Outcome> =>
  withSite(runtime, options, async (site) => {
    const kept = studyFolder(site, id)
    const grant = kept.approval().grant.value()
    const preparation = preparationSchema.safeParse(kept.preparation()).data
    if (grant === undefined || preparation === undefined)
      throw new WardroundError('WR_NOT_FOUND', { what: 'finished study', name: id })
    const { planHash } = grantSchema.parse(JSON.parse(grant.document))
    const study = site.approvedPlan(id, planHash)
    const weights = kept.weights(weightSpecs(study.model, preparedInputs(preparation)))
    if (weights === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'finished study', name: id })
    const { scales } = await site.dataset.prepared(study, planHash, preparation)
    const path = options.out ?? `${id}-${site.membership.site}.onnx`
    const bytes = exportModel({ study, planHash, preparation, weights, scales })
    writeOut(path, bytes)
    return { data: { path, sizeBytes: bytes.length }, lines: [cliWords.wrote(path)] }
  })
