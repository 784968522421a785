/** `npm run bench -- byzantine`: what liars cost, by the rule that a study names; whole federations of the real coordinator and sites. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { simulate } from '@wardround/cli/simulate/federation.ts'
import { realWorld } from '@wardround/cli/world.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import { createTrainer, type Trainer } from '@wardround/site/training/trainer.ts'
import { attacks } from './attacks.ts'
import { type Hostility, hostileTrainer } from './hostile-trainer.ts'
import type { ByzantineTask } from './tasks.ts'
import { byzantineWords } from './words.ts'

export type ByzantineRow = {
  readonly task: string
  readonly attack: string
  readonly rule: string
  /** Share of all hospitals' test patients that the federated model gets right, 0 to 1; of the worst coalition of liars. */
  readonly accuracy: number
  /** The same where nobody lies. */
  readonly cleanAccuracy: number
  /** The mean over coalitions. */
  readonly meanAccuracy: number
  /** Runs of which no model came, because hospitals could no longer train; they count with accuracy 0. */
  readonly abandoned: number
}

export type Verdict = {
  readonly task: string
  readonly rule: string
  readonly worstAttack: string
  readonly cost: number
}

export type ByzantineReport = {
  readonly rows: readonly ByzantineRow[]
  /** For each task the rule that the attacks cost least, and what the worst of them costs it, in points of accuracy. */
  readonly best: readonly Verdict[]
}

/** With f of n hospitals lying: the strategies of a study. */
export const rulesFor = (sites: number, liars: number): Readonly<Record<string, object>> => ({
  'mean (fedAvg)': { fedAvg: {} },
  median: { median: {} },
  'trimmed mean': { trimmedMean: { beta: liars / sites } },
  Krum: { krum: { faulty: liars } },
  'Multi-Krum': { multiKrum: { faulty: liars } },
  'geometric median': { geometricMedian: {} },
  'norm bound': { normBound: { norm: 'median' } },
  'centred clipping': { centredClipping: { radius: 'median' } },
})

export type ByzantineOptions = {
  readonly tasks: readonly ByzantineTask[]
  readonly rules?: readonly string[]
  readonly attacks?: readonly string[]
  readonly note: (line: string) => void
  readonly signal: AbortSignal
}

export async function byzantineBench(options: ByzantineOptions): Promise<ByzantineReport> {
  const trainer = createTrainer()
  try {
    const rows: ByzantineRow[] = []
    for (const task of options.tasks)
      for (const [rule, strategy] of chosen(Object.entries(rulesFor(task.sites.length, liarsOf(task))), options.rules))
        rows.push(...(await attacked({ task, rule, strategy, trainer }, options)))
    return { rows, best: bestOf(rows) }
  } finally {
    await trainer.close()
  }
}

const liarsOf = ({ coalitions }: ByzantineTask): number => coalitions[0]?.length ?? 0

const chosen = <T>(all: readonly (readonly [string, T])[], wanted: readonly string[] | undefined) =>
  all.filter(([name]) => wanted === undefined || wanted.some((part) => name.includes(part)))

type Setting = {
  readonly task: ByzantineTask
  readonly rule: string
  readonly strategy: object
  readonly trainer: Trainer
}

/** A row for each attack. */
async function attacked(
  setting: Setting,
  { attacks: wanted, note, signal }: ByzantineOptions,
): Promise<ByzantineRow[]> {
  const { task, rule } = setting
  const sites = task.sites.map(({ name }) => name)
  const clean = await accuracyOf(setting, undefined, signal)
  note(byzantineWords.ran({ task: task.name, rule, attack: '', accuracy: clean ?? 0 }))
  const rows: ByzantineRow[] = []
  for (const [attack, it] of chosen(
    attacks.map((attack) => [attack.name, attack] as const),
    wanted,
  )) {
    const found: (number | null)[] = []
    for (const attackers of task.coalitions)
      found.push(await accuracyOf(setting, { attack: it, attackers, sites }, signal))
    const figures = found.map((accuracy) => accuracy ?? 0)
    const accuracy = Math.min(...figures)
    note(byzantineWords.ran({ task: task.name, rule, attack, accuracy }))
    rows.push({
      task: task.name,
      attack,
      rule,
      accuracy,
      cleanAccuracy: clean ?? 0,
      meanAccuracy: figures.reduce((sum, value) => sum + value, 0) / figures.length,
      abandoned: found.filter((value) => value === null).length,
    })
  }
  return rows
}

/** null where the study was abandoned. */
async function accuracyOf(
  { task, strategy, trainer }: Setting,
  hostility: Hostility | undefined,
  signal: AbortSignal,
): Promise<number | null> {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-byzantine-'))
  try {
    const results = await simulate(
      {
        parsed: validatePlan({ ...task.study, strategy }),
        sites: task.sites,
        folder,
        trainer: hostileTrainer(trainer, hostility),
        ...realWorld,
        version: '0.1.0',
        signal,
        onEvent: () => undefined,
        log: () => undefined,
      },
      async ({ results }) => results,
    )
    return accuracyIn(results)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const accuracyIn = ({ outcome, overall }: Results): number | null =>
  outcome === 'abandoned' ? null : overall.federated.accuracy.value

/** By the accuracy that is left of the best clean one: a rule that is bad already has little to lose. */
export function bestOf(rows: readonly ByzantineRow[]): Verdict[] {
  return [...Map.groupBy(rows, ({ task }) => task)].map(([task, own]) => {
    const worst = [...Map.groupBy(own, ({ rule }) => rule).values()].map((ofRule) =>
      ofRule.reduce((a, b) => (b.accuracy < a.accuracy ? b : a)),
    )
    const best = worst.reduce((a, b) => (b.accuracy > a.accuracy ? b : a))
    return {
      task,
      rule: best.rule,
      worstAttack: best.attack,
      cost: 100 * (Math.max(...own.map(({ cleanAccuracy }) => cleanAccuracy)) - best.accuracy),
    }
  })
}
