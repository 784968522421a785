/** What was agreed: the plan in words and as it was hashed, what left, how figures were made, and what computed them. */
import { type Element, h } from '../figures/markup.ts'
import { resamples } from '../metrics/intervals.ts'
import { scoreBins } from '../metrics/schema.ts'
import { inputWidth } from '../preparation/schema.ts'
import { canonicalJson } from '../protocol/canonical.ts'
import type { Results } from '../protocol/results.ts'
import type { Study } from '../study/study.ts'
import { reportWords } from '../words/en/report.ts'
import { describePlan, describeReleases } from '../words/en/study.ts'
import { bullets, paragraphs, record, section } from './blocks.ts'
import { askedIn, shownMetrics } from './metrics.ts'

export const planSection = ({ preparation }: Results, study: Study): Element =>
  section(reportWords.planHeading(), [
    bullets(describePlan(study)),
    preparation === null
      ? []
      : paragraphs([reportWords.preparation(preparation.contributors, inputWidth(preparation))]),
  ])

export function releasesSection({ bytesUp, bytesDown }: Results, study: Study): Element {
  const { leaves, never } = describeReleases(study, study.data.minimumCohort)
  return section(reportWords.releasesHeading(), [
    h('p', {}, reportWords.releasesIntroduction()),
    bullets(leaves),
    h('p', {}, reportWords.traffic(bytesUp, bytesDown)),
    h('h3', {}, reportWords.neverHeading()),
    bullets(never),
  ])
}

export function methodSection(results: Results): Element {
  const { sites, rounds, studyId, planHash, weightsSha256, machine } = results
  const comparisons = sites.length * shownMetrics(results).length
  const name = reportWords.record()
  return section(reportWords.methodHeading(), [
    bullets([
      ...reportWords.method({ resamples, bins: scoreBins }, askedIn(results)),
      ...(comparisons === 0 ? [] : [reportWords.comparisons(comparisons)]),
      ...(sites.length === 0 ? [] : [reportWords.localRounds(sites)]),
    ]),
    h('h3', {}, reportWords.recordHeading()),
    record([[name.study, studyId], [name.planHash, planHash], [name.weights, weightsSha256], ...times(name, rounds)]),
    Object.keys(machine).length === 0
      ? []
      : [h('h3', {}, reportWords.machineHeading()), record(Object.entries(machine))],
  ])
}

function times(
  name: { readonly started: string; readonly ended: string },
  rounds: Results['rounds'],
): readonly (readonly [string, string])[] {
  const [first, last] = [rounds[0], rounds.at(-1)]
  return first === undefined || last === undefined
    ? []
    : [
        [name.started, first.startedAt],
        [name.ended, last.endedAt],
      ]
}

/** A line of the printed plan: two of them fit side by side on a page. */
const lineLength = 48

/** JSON with a field a line; what is short enough stays on one. */
function readable(value: unknown, indent = '', label = ''): string {
  const short = label + oneLine(value)
  if (typeof value !== 'object' || value === null || indent.length + short.length <= lineLength) return short
  const deeper = `${indent}  `
  const lines = Array.isArray(value)
    ? value.map((part) => readable(part, deeper))
    : Object.entries(value).map(([name, part]) => readable(part, deeper, `${JSON.stringify(name)}: `))
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return `${label}${open}\n${lines.map((line) => deeper + line).join(',\n')}\n${indent}${close}`
}

function oneLine(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`
  const fields = Object.entries(value).map(([name, part]) => `${JSON.stringify(name)}: ${oneLine(part)}`)
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`
}

/** The fields in the order of the canonical form. */
export const documentSection = ({ plan, planHash }: Results): Element =>
  section(
    reportWords.documentHeading(),
    [h('p', {}, reportWords.documentNote(planHash)), h('pre', {}, readable(JSON.parse(canonicalJson(plan))))],
    { class: 'page' },
  )
