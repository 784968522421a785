/** What came out: the headline, the table, the figures and who contributed. */
import { calibrationPanels } from '../figures/calibration.ts'
import { contributionsMatrix, roundsPerColumn } from '../figures/contributions.ts'
import { convergencePanels } from '../figures/convergence.ts'
import { differenceForest, forest } from '../figures/forest.ts'
import { modelsOf } from '../figures/groups.ts'
import { modelLegend, stateLegend } from '../figures/legend.ts'
import { type Element, h, type Markup } from '../figures/markup.ts'
import { rocPanels } from '../figures/roc.ts'
import type { Results } from '../protocol/results.ts'
import type { ModelName } from '../words/en/figures.ts'
import { reportWords } from '../words/en/report.ts'
import { figure, section } from './blocks.ts'
import { askedIn, leadingMetrics, shownMetrics } from './metrics.ts'
import { glance, resultTable } from './result-table.ts'

export function head(results: Results, question: string): Element {
  const { expected, contributed, outcome, rounds, metric, stoppedBecause } = results
  const missing = expected.filter((name) => !contributed.includes(name))
  return h('header', {}, [
    h('p', { class: 'kicker' }, [
      h('b', {}, 'Wardround'),
      ' ',
      h('span', {}, reportWords.kicker()),
      ' ',
      h('span', {}, results.study),
    ]),
    h(
      'h1',
      {},
      reportWords.headline(outcome, {
        contributed: contributed.length,
        expected: expected.length,
        rounds: rounds.length,
      }),
    ),
    h('p', { class: 'question' }, question),
    h('p', {}, reportWords.because(stoppedBecause, metric)),
    missing.length === 0 ? [] : h('p', {}, h('strong', {}, reportWords.missing(missing))),
    facts(results),
  ])
}

function facts(results: Results): Element {
  const { expected, contributed, rounds, bestRound, seconds, bytesUp, bytesDown, sites, planHash } = results
  const name = reportWords.facts()
  const entries: readonly (readonly [string, string])[] = [
    [name.hospitals, reportWords.share(contributed.length, expected.length)],
    [name.training, patients(sites.map(({ nTrain }) => nTrain))],
    [name.test, patients(sites.map(({ nTest }) => nTest))],
    [name.rounds, reportWords.roundsFact(rounds.length, bestRound)],
    [name.time, reportWords.duration(seconds)],
    [name.sent, reportWords.bytes(bytesUp)],
    [name.received, reportWords.bytes(bytesDown)],
    [name.plan, planHash.slice(0, 12)],
  ]
  return h(
    'dl',
    { class: 'facts' },
    entries.map(([term, value]) => h('div', {}, [h('dt', {}, term), h('dd', {}, value)])),
  )
}

/** A sum with a hidden part is hidden: else the part could be had by subtraction. */
const patients = (counts: readonly (number | null)[]): string =>
  counts.length === 0 || counts.includes(null)
    ? reportWords.hidden()
    : String(counts.reduce<number>((sum, count) => sum + (count ?? 0), 0))

/** The answer first: at which hospitals it helped, and how sure that is. Then the words, the table and the figures that it rests on. */
export function resultSection(results: Results): Element {
  const { sites, overall } = results
  if (sites.length === 0) return section(reportWords.resultHeading(), h('p', {}, reportWords.noResult()))
  const centralised = overall.centralised !== null
  const metrics = shownMetrics(results)
  const models = modelsOf(overall).map(({ model }) => model)
  return section(reportWords.resultHeading(), [
    glance(results),
    forests(
      metrics.map((metric) => differenceForest(results, metric)),
      { caption: reportWords.differenceFigure() },
    ),
    h('p', {}, reportWords.resultIntroduction(centralised)),
    resultTable(results),
    forests(
      metrics.slice(0, leadingMetrics).map((metric) => forest(results, metric)),
      { caption: reportWords.intervalsFigure(centralised), legend: modelLegend(models, 'points') },
    ),
  ])
}

function forests(
  drawings: readonly (Element | undefined)[],
  { caption, legend = [] }: { readonly caption: string; readonly legend?: Markup },
): Markup {
  const known = drawings.filter((drawing) => drawing !== undefined)
  return known.length === 0 ? [] : figure(caption, [legend, known], { class: 'pairs' })
}

export function curveSections(results: Results, minimumCohort: number): Markup {
  const { rounds, metric, measuredOn, bestRound, overall } = results
  const models: readonly ModelName[] = modelsOf(overall).map(({ model }) => model)
  const asked = askedIn(results)
  const roc = asked.includes('auroc') ? rocPanels(results) : []
  const calibration = asked.includes('brier') ? calibrationPanels(results, minimumCohort) : []
  return [
    rounds.length === 0
      ? []
      : section(
          reportWords.convergenceHeading(),
          figure(reportWords.convergenceFigure(metric, measuredOn, bestRound), panels(convergencePanels(results))),
        ),
    roc.length === 0
      ? []
      : section(reportWords.rocHeading(), figure(reportWords.rocFigure(), [modelLegend(models, 'lines'), panels(roc)])),
    calibration.length === 0
      ? []
      : section(
          reportWords.calibrationHeading(),
          figure(reportWords.calibrationFigure(minimumCohort), panels(calibration)),
        ),
  ]
}

const panels = (drawings: readonly Element[]): Element => h('div', { class: 'panels' }, drawings)

/** As many as a page holds; a long study of many troubles is read in report.json. */
const exceptionLimit = 40

export function contributionsSection(results: Results): Element {
  const { rounds } = results
  if (rounds.length === 0) return section(reportWords.contributionsHeading(), h('p', {}, reportWords.noRounds()))
  const sentences = exceptions(results)
  const states = (['contributed', 'working', 'late', 'failed', 'refused'] as const).filter((state) =>
    rounds.some(({ sites }) => sites.some((site) => site.state === state)),
  )
  const { figure: matrix, width } = contributionsMatrix(results)
  return section(reportWords.contributionsHeading(), [
    sentences.length === 0 && stillWorking(rounds) === 0 ? h('p', {}, reportWords.everybody(rounds.length)) : [],
    lateSentence(rounds).map((sentence) => h('p', {}, sentence)),
    figure(reportWords.contributionsFigure(roundsPerColumn(rounds.length)), [
      stateLegend(states),
      h('div', { class: 'scroll', tabindex: 0 }, { ...matrix, attributes: { ...matrix.attributes, width } }),
    ]),
    h(
      'ul',
      {},
      [
        ...sentences.slice(0, exceptionLimit),
        ...(sentences.length > exceptionLimit ? [reportWords.moreExceptions(sentences.length - exceptionLimit)] : []),
      ].map((sentence) => h('li', {}, sentence)),
    ),
  ])
}

const stillWorking = (rounds: Results['rounds']): number =>
  rounds.reduce((sum, { sites }) => sum + sites.filter(({ state }) => state === 'working').length, 0)

/** How many updates counted in a later round than they started in. */
function lateSentence(rounds: Results['rounds']): string[] {
  const stale = rounds.flatMap(({ sites }) => sites.flatMap((part) => part.stale ?? []))
  return stale.length === 0 ? [] : [reportWords.countedLate(stale.length, Math.max(...stale))]
}

const exceptions = ({ rounds }: Results): readonly string[] =>
  rounds.flatMap(({ round, state, sites }) => [
    ...sites
      .filter((site) => site.state !== 'contributed' && site.state !== 'working')
      .map((site) => reportWords.exception({ round, site: site.site, state: site.state, code: site.code })),
    ...(state === 'abandoned' ? [reportWords.abandonedRound(round)] : []),
  ])
