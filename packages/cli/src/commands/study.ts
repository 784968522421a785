/** `wardround study check|publish|list|show|start|watch|stop|results` */
import { join } from 'node:path'
import { isErrorCode, sentencesOf } from '@wardround/core/errors.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import { warningsFor } from '@wardround/core/protocol/plan-warnings.ts'
import { reportHtml } from '@wardround/core/report/html.ts'
import { reportJson } from '@wardround/core/report/json.ts'
import { resultTable } from '@wardround/core/report/table.ts'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import { liveWords } from '@wardround/core/words/en/live.ts'
import { preflightSentence } from '@wardround/core/words/en/preflight.ts'
import { siteWords } from '@wardround/core/words/en/site.ts'
import { describePlan } from '@wardround/core/words/en/study.ts'
import { studyFileWords } from '@wardround/core/words/en/study-file.ts'
import { usageWords } from '@wardround/core/words/en/usage.ts'
import type { Patience } from '@wardround/site/client.ts'
import { publicResults, publishStudy, watchStudy } from '../federation.ts'
import { outFolder, withAccount, writeOut } from '../homes.ts'
import { createScreen } from '../live.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import { readStudy } from '../read-study.ts'
import type { Runtime } from '../runtime.ts'
import { usageOf } from '../usage.ts'

type Options = CommonOptions & { access?: string; sites?: string; out?: string; hospitals?: string }
type Typed = { readonly args: readonly string[]; readonly options: Options }

export async function studyCheck(_: Runtime, { args: [file = ''], options }: Typed): Promise<Outcome> {
  const { study, planHash } = readStudy(file)
  const warnings = warningsFor(study, hospitalsOf(options.hospitals))
  return {
    data: { valid: true, name: study.name, planHash, warnings },
    lines: [
      cliWords.studyValid(study.name, planHash),
      ...describePlan(study).map((line) => `  ${line}`),
      ...warnings.map(cliWords.warning),
    ],
  }
}

/** Errors: WR_USAGE. */
function hospitalsOf(text: string | undefined): number | undefined {
  if (text !== undefined && !/^[1-9]\d{0,4}$/.test(text)) throw usageOf('study check')(usageWords.noHospitals(text))
  return text === undefined ? undefined : Number(text)
}

export const studyPublish = (runtime: Runtime, { args: [file = ''], options }: Typed): Promise<Outcome> =>
  withAccount(runtime, options, async (client) => {
    const summary = await publishStudy(client, readStudy(file), runtime.signal)
    return { data: summary, lines: cliWords.published(summary.id, summary.planHash) }
  })

export const studyList = (runtime: Runtime, { options }: Typed): Promise<Outcome> =>
  withAccount(runtime, options, async (client) => {
    const answer = await client.call('studies')
    return {
      data: answer,
      lines: answer.studies.length === 0 ? [cliWords.noStudies()] : answer.studies.map(cliWords.stateLine),
    }
  })

export const studyShow = (runtime: Runtime, { args: [study = ''], options }: Typed): Promise<Outcome> =>
  withAccount(runtime, options, async (client) => {
    const detail = await client.call('study', { params: { study } })
    const findings = Object.entries(detail.findings).flatMap(([site, list]) =>
      list.map((finding) => preflightSentence(site, finding)),
    )
    const failures = detail.failures.map(({ code, parameters, ...failure }) =>
      cliWords.failureLine({ ...failure, code, why: isErrorCode(code) ? sentencesOf(code, parameters).what : '' }),
    )
    const lines = [
      cliWords.stateLine(detail),
      ...(detail.imported === undefined
        ? []
        : [studyFileWords.from(detail.imported.coordinatorKey, detail.imported.madeAt)]),
      ...detail.decisions.map(({ site, decision, reason }) => cliWords.decisionLine(site, decision, reason)),
      ...detail.lost.map(cliWords.lostLine),
      ...(detail.waitingFor.length > 0 ? [cliWords.waitingHeading(detail.waitingFor)] : []),
      ...(findings.length > 0 ? [cliWords.findingsHeading(), ...findings.map(cliWords.item)] : []),
      ...(failures.length > 0 ? [cliWords.failuresHeading(), ...failures] : []),
      ...describePlan(validatePlan(detail.plan).study),
    ]
    return { data: { ...detail, sentences: findings }, lines }
  })

export const studyStart = (runtime: Runtime, { args: [study = ''], options }: Typed): Promise<Outcome> =>
  withAccount(runtime, options, async (client) => {
    const sites = options.sites?.split(',').map((name) => name.trim())
    const summary = await client.call('start', { params: { study }, body: sites === undefined ? {} : { sites } })
    return { data: summary, lines: [cliWords.started(study)] }
  })

export const studyWatch = (runtime: Runtime, { args: [study = ''], options }: Typed): Promise<Outcome> =>
  withAccount(runtime, options, async (client) => {
    const screen = createScreen(runtime.stderr)
    await client.call('study', { params: { study } })
    const { clock, entropy, signal } = runtime
    const patience: Patience = {
      clock,
      entropy,
      signal,
      onWait: ({ sentences }, waitMs) => screen.note(siteWords.waitingFor(sentences, Math.ceil(waitMs / 1000))),
      onBack: () => screen.note(liveWords.back()),
    }
    await watchStudy(client, study, { onEvent: screen.apply, clock, signal, patience }).finally(screen.end)
    const summary = await client.call('study', { params: { study } })
    return {
      data: { id: summary.id, outcome: summary.outcome, stoppedBecause: summary.stoppedBecause },
      lines: [cliWords.stateLine(summary)],
    }
  })

export const studyStop = (runtime: Runtime, { args: [study = ''], options }: Typed): Promise<Outcome> =>
  withAccount(runtime, options, async (client) => {
    const summary = await client.call('stop', { params: { study }, body: {} })
    return { data: summary, lines: [cliWords.stopping(study)] }
  })

export const studyResults = (runtime: Runtime, { args: [study = ''], options }: Typed): Promise<Outcome> =>
  withAccount(runtime, options, async (client) => {
    const results = await client.call('results', { params: { study } })
    const written = options.out === undefined ? [] : writeReport(options.out, results)
    return {
      data: publicResults(results),
      lines: [...resultTable(results, runtime.stdout), ...written.map(cliWords.wrote)],
    }
  })

/** report.html and report.json in `folder`; their paths. */
export function writeReport(
  folder: string,
  results: Parameters<typeof reportHtml>[0],
  options: Parameters<typeof reportHtml>[1] = {},
): string[] {
  const [html, json] = [join(outFolder(folder), 'report.html'), join(folder, 'report.json')]
  writeOut(html, reportHtml(results, options))
  writeOut(json, reportJson(results, options))
  return [html, json]
}
