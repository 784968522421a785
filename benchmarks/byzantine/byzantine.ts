/** `npm run bench -- byzantine`: what liars cost, by the rule that a study names; whole federations of the real coordinator and sites. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { simulate } from '@wardround/cli/simulate/federation.ts'
import { realWorld } from '@wardround/cli/world.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import type { SiteResult } from '@wardround/core/protocol/results.ts'
import { createTrainer, type Trainer } from '@wardround/site/training/trainer.ts'
import { attacks } from './attacks.ts'
import { type Hostility, hostileTrainer } from './hostile-trainer.ts'
import type { ByzantineTask } from './tasks.ts'
import { byzantineWords } from './words.ts'

export type ByzantineRow = {
  readonly task: string
  readonly attack: string
  readonly rule: string
  /** Who lied: of the task's coalitions, in turn, the one that cost most. */
  readonly liars: readonly string[]
  /** Share of the honest hospitals' test patients that the federated model gets right, 0 to 1. */
  readonly accuracy: number
  /** The same of the same hospitals where nobody lies: under this rule, and under the best one. */
  readonly cleanAccuracy: number
  readonly bestCleanAccuracy: number
  /** With the liars' own patients among them, which a liar's own weights are about, too. */
  readonly overallAccuracy: number
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
    for (const task of options.tasks) {
      const found: RuleRuns[] = []
      const rules = Object.entries(rulesFor(task.sites.length, task.coalitions[0]?.length ?? 0))
      for (const [rule, strategy] of chosen(rules, options.rules))
        found.push(await ranUnder({ task, rule, strategy, trainer }, options))
      rows.push(...rowsOf(task, found))
    }
    return { rows, best: bestOf(rows) }
  } finally {
    await trainer.close()
  }
}

const chosen = <T>(all: readonly (readonly [string, T])[], wanted: readonly string[] | undefined) =>
  all.filter(([name]) => wanted === undefined || wanted.some((part) => name.includes(part)))

/** What a federation came to, by hospital; undefined where the study was abandoned. */
export type Ran = readonly { readonly name: string; readonly patients: number; readonly accuracy: number }[] | undefined

/** All runs under one rule: nobody lies, and each attack by each coalition, in the order of the task's. */
export type RuleRuns = {
  readonly rule: string
  readonly clean: Ran
  readonly attacked: readonly { readonly attack: string; readonly byCoalition: readonly Ran[] }[]
}

type Setting = {
  readonly task: ByzantineTask
  readonly rule: string
  readonly strategy: object
  readonly trainer: Trainer
}

async function ranUnder(setting: Setting, { attacks: wanted, note, signal }: ByzantineOptions): Promise<RuleRuns> {
  const { task, rule } = setting
  const sites = task.sites.map(({ name }) => name)
  const clean = await ran(setting, undefined, signal)
  note(byzantineWords.ran({ task: task.name, rule, attack: '', accuracy: accuracyOf(clean) }))
  const attacked = []
  const named = attacks.map((attack) => [attack.name, attack] as const)
  for (const [attack, it] of chosen(named, wanted)) {
    const byCoalition: Ran[] = []
    for (const attackers of task.coalitions)
      byCoalition.push(await ran(setting, { attack: it, attackers, sites }, signal))
    const accuracy = Math.min(...byCoalition.map((one, index) => accuracyOf(one, task.coalitions[index])))
    note(byzantineWords.ran({ task: task.name, rule, attack, accuracy }))
    attacked.push({ attack, byCoalition })
  }
  return { rule, clean, attacked }
}

/** Over the patients of all hospitals but these; 0 where no model came. */
export function accuracyOf(run: Ran, without: readonly string[] = []): number {
  const own = (run ?? []).filter(({ name }) => !without.includes(name))
  const patients = own.reduce((sum, one) => sum + one.patients, 0)
  return patients === 0 ? 0 : own.reduce((sum, one) => sum + one.patients * one.accuracy, 0) / patients
}

/** A row for each rule and attack, of the coalition that costs most of what the best rule reaches without liars at the same hospitals. */
export function rowsOf(
  { name, coalitions }: Pick<ByzantineTask, 'name' | 'coalitions'>,
  rules: readonly RuleRuns[],
): ByzantineRow[] {
  return rules.flatMap(({ rule, clean, attacked }) =>
    attacked.map(({ attack, byCoalition }): ByzantineRow => {
      const rows = coalitions.map((liars, index) => ({
        liars,
        accuracy: accuracyOf(byCoalition[index], liars),
        cleanAccuracy: accuracyOf(clean, liars),
        bestCleanAccuracy: Math.max(...rules.map((one) => accuracyOf(one.clean, liars))),
        overallAccuracy: accuracyOf(byCoalition[index]),
      }))
      const worst = rows.reduce((a, b) => (costOf(b) > costOf(a) ? b : a))
      const abandoned = byCoalition.filter((run) => run === undefined).length
      return { task: name, attack, rule, ...worst, abandoned }
    }),
  )
}

/** In shares of 1. */
const costOf = ({ accuracy, bestCleanAccuracy }: Pick<ByzantineRow, 'accuracy' | 'bestCleanAccuracy'>): number =>
  bestCleanAccuracy - accuracy

async function ran(
  { task, strategy, trainer }: Setting,
  hostility: Hostility | undefined,
  signal: AbortSignal,
): Promise<Ran> {
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
    return results.outcome === 'abandoned' ? undefined : results.sites.map(figuresOf)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function figuresOf({ name, nTest, federated }: SiteResult) {
  const accuracy = federated.accuracy.value
  // Both tasks have so many patients at each hospital that its figures are shown.
  if (nTest === null || accuracy === null) throw new TypeError(`${name} hides its figures.`)
  return { name, patients: nTest, accuracy }
}

/** By what its worst attack costs, of the best that there is without liars: a rule that is bad already has little to lose. */
export function bestOf(rows: readonly ByzantineRow[]): Verdict[] {
  return [...Map.groupBy(rows, ({ task }) => task)].map(([task, own]) => {
    const worst = [...Map.groupBy(own, ({ rule }) => rule).values()].map((ofRule) =>
      ofRule.reduce((a, b) => (costOf(b) > costOf(a) ? b : a)),
    )
    const best = worst.reduce((a, b) => (costOf(b) < costOf(a) ? b : a))
    return { task, rule: best.rule, worstAttack: best.attack, cost: 100 * costOf(best) }
  })
}
