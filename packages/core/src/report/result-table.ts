/** The table that hospitals want: a block for each, a line for each model, and the paired difference with its verdict under them. */
import { type Group, modelsOf, type NamedModel } from '../figures/groups.ts'
import { type Element, h, type Markup } from '../figures/markup.ts'
import { estimateIn } from '../metrics/estimates.ts'
import type { Results, SiteResult } from '../protocol/results.ts'
import type { MetricName } from '../study/metrics.ts'
import type { Verdict } from '../words/en/figures.ts'
import { reportWords } from '../words/en/report.ts'
import { shownMetrics, verdictOf } from './metrics.ts'

/**
 * Of each metric that has intervals in a sentence whether joining helped, and by name where it did, where it harmed, and of whom nothing is
 * known.
 */
export const glance = (results: Results): Element =>
  h(
    'ul',
    { class: 'glance' },
    shownMetrics(results).flatMap((metric) => {
      const verdicts = verdictsOf(results, metric)
      if (verdicts.every(({ verdict }) => verdict === undefined)) return []
      const count = (wanted: Verdict): number => verdicts.filter(({ verdict }) => verdict === wanted).length
      const counts = { better: count('better'), worse: count('worse'), unclear: count('unclear') }
      return h('li', {}, [reportWords.atAGlance(metric, counts), namesOf(verdicts)])
    }),
  )

type SiteVerdict = {
  readonly name: string
  readonly verdict: Verdict | undefined
  readonly word: string
}

const verdictsOf = ({ sites }: Results, metric: MetricName): readonly SiteVerdict[] =>
  sites.map(({ name, difference }) => {
    const estimate = estimateIn(difference, metric)
    const verdict = verdictOf(metric, estimate)
    return {
      name,
      verdict,
      word: verdict === undefined ? reportWords.difference(metric, estimate) : reportWords.verdict(verdict),
    }
  })

/** Not where all are alike: then the sentence has said it. */
function namesOf(verdicts: readonly SiteVerdict[]): Markup {
  const groups = Map.groupBy(verdicts, ({ word }) => word)
  if (groups.size < 2) return []
  return [...groups.values()].map((of) => {
    const { verdict, word } = of[0] ?? { verdict: 'unclear', word: '' }
    if (verdict === 'unclear') return []
    const names = of.map(({ name }) => name).join(', ')
    return [' ', h('span', { class: `names ${verdict ?? 'unknown'}` }, [h('b', {}, word), ' ', names])]
  })
}

export function resultTable(results: Results): Element[] {
  const metrics = shownMetrics(results)
  const header = reportWords.tableHeader(metrics)
  const { sites, overall } = results
  return [
    h('table', {}, [
      h('caption', {}, reportWords.tableCaption()),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          header.map((text) => h('th', { scope: 'col' }, text)),
        ),
      ),
      sites.map((site) =>
        block(
          { name: site.name, models: modelsOf(site) },
          { site, metrics, patients: reportWords.patients(site.nTest, site.nTrain) },
        ),
      ),
      block(
        { name: reportWords.overallName(), models: modelsOf(overall) },
        { metrics, patients: reportWords.overallPatients(overall.federated.accuracy.n) },
      ),
    ]),
    h('p', { class: 'note' }, reportWords.tableNote(metrics)),
  ]
}

type Block = { readonly site?: SiteResult; readonly metrics: readonly MetricName[]; readonly patients: string }

const block = ({ name, models }: Group, { site, metrics, patients }: Block): Element =>
  h('tbody', {}, [
    h(
      'tr',
      { class: 'site' },
      h('th', { scope: 'rowgroup', colspan: metrics.length + 1 }, [name, ' ', h('span', {}, patients)]),
    ),
    models.map((model) => modelRow(model, metrics)),
    site === undefined ? [] : differenceRow(site, metrics),
  ])

const modelRow = ({ model, result }: NamedModel, metrics: readonly MetricName[]): Element =>
  h('tr', { class: `model ${model}` }, [
    h('th', { scope: 'row' }, reportWords.model(model)),
    metrics.map((metric) => cell(metric, reportWords.estimate(metric, estimateIn(result, metric)))),
  ])

const differenceRow = ({ difference }: SiteResult, metrics: readonly MetricName[]): Element =>
  h('tr', { class: 'difference' }, [
    h('th', { scope: 'row' }, reportWords.differenceRow()),
    metrics.map((metric) => {
      const estimate = estimateIn(difference, metric)
      const verdict = verdictOf(metric, estimate)
      const text = reportWords.difference(metric, estimate)
      return h('td', { 'data-metric': reportWords.metric(metric) }, [
        h('span', {}, verdict === undefined ? text : [text, ' ', verdictMark(verdict)]),
      ])
    }),
  ])

const verdictMark = (verdict: Verdict): Element => {
  const text = reportWords.verdict(verdict)
  return h('span', { class: 'verdict' }, verdict === 'unclear' ? text : h('strong', {}, text))
}

const cell = (metric: MetricName, text: string): Element => h('td', { 'data-metric': reportWords.metric(metric) }, text)
