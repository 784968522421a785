/** Reliability: of the patients given a probability of about p, the share that had the outcome, with its interval and how many they were. */
import type { BinaryStatistic } from '../metrics/schema.ts'
import { calibrationPoints } from '../metrics/summary.ts'
import type { Results } from '../protocol/results.ts'
import { figureWords, type ModelName } from '../words/en/figures.ts'
import { groupsOf, type NamedModel } from './groups.ts'
import type { Element } from './markup.ts'
import { horizontal, notice, type Plot, panel, squarePlot, vertical } from './panel.ts'
import { fixedScale } from './scale.ts'
import { label, line, marker } from './style.ts'
import { wilson } from './wilson.ts'

const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
const plot: Plot = { ...squarePlot, bottom: squarePlot.bottom - 14 }
const x = fixedScale(ticks, horizontal(plot), 1)
const y = fixedScale(ticks, vertical(plot), 1)

/** Few patients fill few bins: fifths at a hospital, tenths for all together. */
const binsFor = (group: number): number => (group === 0 ? 10 : 5)

/** One model's panels: all together, then each hospital. None where no prediction is a probability of one outcome. */
export function calibrationPanels(
  results: Pick<Results, 'overall' | 'sites'>,
  model: ModelName = 'federated',
): readonly Element[] {
  const groups = groupsOf(results).map(({ name, models }) => ({
    name,
    result: models.find((candidate) => candidate.model === model)?.result,
  }))
  if (!groups.some(({ result }) => result?.statistic?.kind === 'binary')) return []
  return groups.map(({ name, result }, index) => calibrationPanel({ name, model, result }, index))
}

export type ReliabilityPoint = {
  readonly predicted: number
  readonly observed: number
  readonly low: number
  readonly high: number
  readonly n: number
}

export const reliability = (
  statistic: Pick<BinaryStatistic, 'negative' | 'positive'>,
  bins: number,
): readonly ReliabilityPoint[] =>
  calibrationPoints(statistic, bins).map(({ predicted, observed, n }) => ({
    predicted,
    observed,
    n,
    ...wilson(Math.round(observed * n), n),
  }))

type Data = { readonly name: string; readonly model: ModelName; readonly result: NamedModel['result'] | undefined }

function calibrationPanel({ name, model, result }: Data, index: number): Element {
  const statistic = result?.statistic
  const points = statistic?.kind === 'binary' ? reliability(statistic, binsFor(index)) : []
  return panel(
    {
      id: `calibration-${model}-${index}`,
      title: figureWords.calibrationTitle(name, model),
      description: points.length === 0 ? figureWords.hidden() : figureWords.calibrationDescription(points),
      heading: name,
      n: figureWords.n(result?.brier.n ?? null),
      plot,
      strip: 14,
      x: { scale: x, label: figureWords.predicted() },
      y: { scale: y, label: figureWords.observed() },
    },
    [
      line([x.at(0), y.at(0)], [x.at(1), y.at(1)], { class: 'wr-rule', 'stroke-dasharray': '2 3' }),
      points.length === 0
        ? notice(plot, figureWords.hidden())
        : label(figureWords.records(), [plot.left - 5, plot.bottom + 13], {
            class: 'wr-muted wr-small',
            'text-anchor': 'end',
          }),
      points.map(({ predicted, observed, low, high, n }) => [
        line([x.at(predicted), y.at(low)], [x.at(predicted), y.at(high)], {
          class: `wr-stroke-${model}`,
          'stroke-width': 1.4,
        }),
        marker(model, [x.at(predicted), y.at(observed)]),
        label(String(n), [x.at(predicted), plot.bottom + 13], { class: 'wr-small', 'text-anchor': 'middle' }),
      ]),
    ],
  )
}
