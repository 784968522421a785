/** ROC curves from histograms of predicted probability: alone dashed, federated solid, centralised dotted. A step for each bin, nothing smoothed. */
import { rocPoints } from '../metrics/summary.ts'
import type { Results } from '../protocol/results.ts'
import { figureWords } from '../words/en/figures.ts'
import { type Group, groupsOf, type NamedModel } from './groups.ts'
import type { Element } from './markup.ts'
import { horizontal, notice, panel, squarePlot, vertical } from './panel.ts'
import { fixedScale } from './scale.ts'
import { line, modelLine, type Point } from './style.ts'

const ticks = [0, 0.5, 1]
const x = fixedScale(ticks, horizontal(squarePlot), 1)
const y = fixedScale(ticks, vertical(squarePlot), 1)

/** A panel for all together and one for each hospital; none where no prediction is a probability of one outcome. */
export function rocPanels(results: Pick<Results, 'overall' | 'sites'>): readonly Element[] {
  const groups = groupsOf(results)
  return groups.some(({ models }) => models.some(hasHistogram)) ? groups.map(rocPanel) : []
}

const hasHistogram = ({ result }: NamedModel): boolean => result.statistic?.kind === 'binary'

function rocPanel({ name, models }: Group, index: number): Element {
  const curves = models
    .map(({ model, result }) => ({ model, points: curveOf(result.statistic) }))
    .filter(({ points }) => points.length > 0)
  const n = models[0]?.result.auroc.n ?? null
  return panel(
    {
      id: `roc-${index}`,
      title: figureWords.rocTitle(name),
      description: figureWords.rocDescription(models.map(({ model, result }) => ({ model, auroc: result.auroc }))),
      heading: name,
      n: figureWords.n(n),
      plot: squarePlot,
      x: { scale: x, label: figureWords.falseAlarms() },
      y: { scale: y, label: figureWords.sensitivity() },
    },
    [
      line([x.at(0), y.at(0)], [x.at(1), y.at(1)], { class: 'wr-context', 'stroke-dasharray': '2 3' }),
      curves.map(({ model, points }) => modelLine(model, points)),
      curves.length === 0 ? notice(squarePlot, n === null ? figureWords.hidden() : figureWords.noCurve()) : [],
    ],
  )
}

const curveOf = (statistic: NamedModel['result']['statistic']): Point[] =>
  statistic?.kind === 'binary'
    ? rocPoints(statistic).map(({ falsePositiveRate, truePositiveRate }) => [
        x.at(falsePositiveRate),
        y.at(truePositiveRate),
      ])
    : []
