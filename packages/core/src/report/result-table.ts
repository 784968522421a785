/** The table that hospitals want: a block for each, a line for each model, and the paired difference with its verdict under them. */
import { type Group, modelsOf, type NamedModel } from '../figures/groups.ts'
import { type Element, h } from '../figures/markup.ts'
import { summarise } from '../metrics/summary.ts'
import type { Results, SiteResult } from '../protocol/results.ts'
import { reportWords, type Verdict } from '../words/en/report.ts'
import { verdictOf } from './table.ts'

type Metric = keyof SiteResult['difference']
const metricNames = ['accuracy', 'auroc', 'brier'] as const
const better = { accuracy: 'higher', auroc: 'higher', brier: 'lower' } as const

/** Metrics that have a value anywhere; a hidden one still has its column if another hospital shows it. */
export const knownMetrics = ({ sites, overall }: Results): readonly Metric[] =>
  metricNames.filter((metric) =>
    [...sites, overall].some((models) => modelsOf(models).some(({ result }) => result[metric].value !== null)),
  )

export function verdictCounts({ sites }: Results, metric: Metric): Readonly<Record<Verdict, number>> {
  const verdicts = sites.map(({ difference }) => verdictOf(difference[metric], better[metric]))
  const count = (wanted: Verdict): number => verdicts.filter((verdict) => verdict === wanted).length
  return { better: count('better'), worse: count('worse'), unclear: count('unclear') }
}

export function resultTable(results: Results): Element[] {
  const metrics = knownMetrics(results)
  const header = reportWords.tableHeader(metrics.length === 0 ? ['meanSquaredError'] : metrics)
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
    h('p', { class: 'note' }, reportWords.tableNote()),
  ]
}

type Block = { readonly site?: SiteResult; readonly metrics: readonly Metric[]; readonly patients: string }

const block = ({ name, models }: Group, { site, metrics, patients }: Block): Element =>
  h('tbody', {}, [
    h(
      'tr',
      { class: 'site' },
      h('th', { scope: 'rowgroup', colspan: Math.max(1, metrics.length) + 1 }, [name, ' ', h('span', {}, patients)]),
    ),
    models.map((model) => modelRow(model, metrics)),
    site === undefined || metrics.length === 0 ? [] : differenceRow(site, metrics),
  ])

/** A model of numbers has none of the metrics; its mean squared error is in its statistic. */
const modelRow = ({ model, result }: NamedModel, metrics: readonly Metric[]): Element =>
  h('tr', { class: `model ${model}` }, [
    h('th', { scope: 'row' }, reportWords.model(model)),
    metrics.length === 0
      ? cell('meanSquaredError', reportWords.error(result.statistic === null ? null : summarise(result.statistic).loss))
      : metrics.map((metric) => cell(metric, reportWords.estimate(result[metric]))),
  ])

const differenceRow = ({ difference }: SiteResult, metrics: readonly Metric[]): Element =>
  h('tr', { class: 'difference' }, [
    h('th', { scope: 'row' }, reportWords.differenceRow()),
    metrics.map((metric) => {
      const verdict = verdictOf(difference[metric], better[metric])
      const text = reportWords.verdict(verdict)
      return h('td', { 'data-metric': reportWords.metric(metric) }, [
        h('span', {}, [
          reportWords.difference(difference[metric]),
          ' ',
          h('span', { class: 'verdict' }, verdict === 'unclear' ? text : h('strong', {}, text)),
        ]),
      ])
    }),
  ])

const cell = (metric: string, text: string): Element => h('td', { 'data-metric': reportWords.metric(metric) }, text)
