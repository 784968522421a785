/** `wardround token create`, `site list`, `site remove`: the administrator's part. */
import { durationMs } from '@wardround/core/study/study.ts'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import { usageWords } from '@wardround/core/words/en/usage.ts'
import { withAccount } from '../homes.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import type { Runtime } from '../runtime.ts'
import { usageOf } from '../usage.ts'

type Options = CommonOptions & { access?: string; validFor?: string }
type Typed = { readonly args: readonly string[]; readonly options: Options }

export const tokenCreate = (runtime: Runtime, { args: [site = ''], options }: Typed): Promise<Outcome> =>
  withAccount(runtime, options, async (client) => {
    const validForMs = options.validFor === undefined ? undefined : durationMs(options.validFor)
    if (Number.isNaN(validForMs)) throw usageOf('token create')(usageWords.noDuration(options.validFor ?? ''))
    const answer = await client.call('createToken', {
      body: { site, ...(validForMs === undefined ? {} : { validForMs }) },
    })
    return { data: { site, ...answer }, lines: cliWords.token(answer.token, site, answer.expiresAt) }
  })

export const siteList = (runtime: Runtime, { options }: Typed): Promise<Outcome> =>
  withAccount(runtime, options, async (client) => {
    const answer = await client.call('sites')
    return {
      data: answer,
      lines: answer.sites.length === 0 ? [cliWords.noSites()] : answer.sites.map(cliWords.siteLine),
    }
  })

export const siteRemove = (runtime: Runtime, { args: [site = ''], options }: Typed): Promise<Outcome> =>
  withAccount(runtime, options, async (client) => {
    await client.call('removeSite', { params: { site } })
    return { data: { site, removed: true }, lines: [cliWords.removed(site)] }
  })
