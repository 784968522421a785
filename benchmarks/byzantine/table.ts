/** A table for each task: rules down, attacks across. */
import { aligned } from '../figures.ts'
import type { ByzantineReport } from './byzantine.ts'
import type { ByzantineTask } from './tasks.ts'
import { byzantineWords } from './words.ts'

export function byzantineTable({ rows, best }: ByzantineReport, tasks: readonly ByzantineTask[]): string {
  return tasks
    .map(({ name, sites, coalitions }) => {
      const own = rows.filter(({ task }) => task === name)
      const attacks = [...new Set(own.map(({ attack }) => attack))]
      const lines = [...Map.groupBy(own, ({ rule }) => rule)].map(([rule, ofRule]) => [
        rule,
        ...attacks.map((attack) => {
          const row = ofRule.find((one) => one.attack === attack)
          return row === undefined ? '' : byzantineWords.accuracies(row)
        }),
      ])
      const liars = byzantineWords.liars(coalitions[0]?.length ?? 0, sites.length, coalitions.length)
      return [
        byzantineWords.heading(name, liars),
        '',
        ...aligned([[byzantineWords.rule(), ...attacks], ...lines], 1),
        '',
        ...best.filter(({ task }) => task === name).map(byzantineWords.best),
      ].join('\n')
    })
    .join('\n\n')
}
