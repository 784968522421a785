/** `npm run bench -- survival`: the example's regressions, and lifelines' on all patients in one place, by the same concordance on the same test patients. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import { type Concordance, concordanceOf } from '@wardround/core/metrics/concordance.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import { z } from 'zod'
import { divided } from '../../examples/breast-cancer-survival/division.ts'
import { runStudy } from '../../examples/breast-cancer-survival/federation.ts'
import {
  inputs,
  type Patient,
  readPatients,
  regions,
  usualFolder,
} from '../../examples/breast-cancer-survival/patients.ts'
import { studyOf } from '../../examples/breast-cancer-survival/run.ts'
import { pythonWith } from '../python.ts'
import { published } from './published.ts'
import { survivalBenchWords as words } from './words.ts'

export type SurvivalOptions = {
  readonly data?: string
  readonly environment?: string
  readonly note: (line: string) => void
  readonly signal: AbortSignal
}

export type SurvivalRow = {
  readonly model: string
  readonly meanOfRegions: number
  /** Pairs of one region, added up. */
  readonly allRegions: number
  /** With pairs of two regions. */
  readonly acrossRegions: number
  readonly perRegion: Readonly<Record<string, number>>
}

export type SurvivalReport = {
  readonly lifelinesVersion: string
  readonly penalizer: number
  readonly rows: readonly SurvivalRow[]
  /** On the training patients, as choose.ts divides them. */
  readonly tried: readonly { readonly penalizer: number; readonly concordance: number }[]
  /** Of lifelines' concordance of our predictions from ours. */
  readonly largestDifference: number
  readonly published: typeof published
}

export const penalizers = [0.001, 0.01, 0.03, 0.1, 0.3, 1] as const
const divisions = [1, 2, 3, 4] as const

type Fit = { readonly penalizer: number; readonly training: readonly number[]; readonly predicted: readonly number[] }
type Check = { readonly rows: readonly number[]; readonly scores: readonly number[] }
const answerSchema = z.object({
  version: z.string(),
  scores: z.array(z.array(z.number())),
  concordances: z.array(z.number()),
})

async function lifelines(
  python: string,
  { patients, fits, checks }: { patients: readonly Patient[]; fits: readonly Fit[]; checks: readonly Check[] },
) {
  const script = fileURLToPath(new URL('cox_side.py', import.meta.url))
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const rows = patients.map(({ findings, days, died }) => [...findings.map(Number), days, died ? 1 : 0])
  child.stdin.end(JSON.stringify({ columns: [...inputs, 'days', 'died'], rows, fits, checks }))
  const answer = await text(child.stdout)
  const code = await ended
  if (code !== 0) throw new WardroundError('WR_USAGE', { problem: words.ended(code), command: 'bench' })
  return answerSchema.parse(JSON.parse(answer))
}

/** A number for each patient. */
type Scores = ReadonlyMap<string, number>

function pairsOf(patients: readonly Patient[], scores: Scores): Concordance {
  const target = Float64Array.from(patients.flatMap(({ days, died }) => [days, died ? 1 : 0]))
  return concordanceOf({ scores: patients.map(({ id }) => scores.get(id) ?? Number.NaN), target })()
}

const share = (parts: readonly Concordance[]): number => {
  const sum = (of: keyof Concordance): number => parts.reduce((total, part) => total + part[of], 0)
  return sum('concordant') / sum('comparable')
}

const byRegion = (patients: readonly Patient[]): readonly (readonly Patient[])[] =>
  regions.map((region) => patients.filter((patient) => patient.region === region))

export function rowOf(model: string, tested: readonly Patient[], scores: Scores): SurvivalRow {
  const parts = byRegion(tested).map((own) => pairsOf(own, scores))
  const perRegion = regions.map((region, index) => [region, share(parts.slice(index, index + 1))] as const)
  return {
    model,
    meanOfRegions: perRegion.reduce((sum, [, value]) => sum + value, 0) / perRegion.length,
    allRegions: share(parts),
    acrossRegions: share([pairsOf(tested, scores)]),
    perRegion: Object.fromEntries(perRegion),
  }
}

/** Where the patients of a part stand among all. */
function placesOf(all: readonly Patient[]) {
  const places = new Map(all.map(({ id }, place) => [id, place]))
  return (patients: readonly Patient[], part?: Patient['part']): number[] =>
    patients.flatMap((patient) => (part === undefined || patient.part === part ? [places.get(patient.id) ?? -1] : []))
}

const scoresOf = (patients: readonly Patient[], values: readonly number[]): Scores =>
  new Map(patients.map(({ id }, index) => [id, values[index] ?? Number.NaN]))

const heldBack = (patients: readonly Patient[]): readonly Patient[] => patients.filter(({ part }) => part === 'test')

/** Errors: WR_DATA_MISSING, WR_USAGE. */
export async function survivalBench({
  data = usualFolder(),
  environment,
  note,
  signal,
}: SurvivalOptions): Promise<SurvivalReport> {
  const python = pythonWith({
    environment: environment ?? fileURLToPath(new URL('.venv', import.meta.url)),
    requirements: ['lifelines==0.30.3'],
    modules: ['lifelines'],
  })
  const patients = await readPatients(data)
  const tested = heldBack(patients)
  note(words.federation())
  const ours = await oursOn(patients, signal)
  const places = placesOf(patients)
  const folds = divisions.flatMap((division) => divided(patients, division))
  const fits = penalizers.flatMap((penalizer) =>
    [...folds, patients].map((own) => ({
      penalizer,
      training: places(own, 'training'),
      predicted: places(own, 'test'),
    })),
  )
  const checks = ours.map(({ scores }) => ({
    rows: places(tested),
    scores: tested.map(({ id }) => scores.get(id) ?? Number.NaN),
  }))
  note(words.lifelines(fits.length))
  const answer = await lifelines(python, { patients, fits, checks })
  const tried = penalizers.map((penalizer, index) => {
    const found = answer.scores.slice(index * (folds.length + 1), (index + 1) * (folds.length + 1))
    const parts = folds.flatMap((own, fold) => {
      const held = heldBack(own)
      const scores = scoresOf(held, found[fold] ?? [])
      return byRegion(held).map((some) => pairsOf(some, scores))
    })
    return { penalizer, concordance: share(parts), scores: scoresOf(tested, found.at(-1) ?? []) }
  })
  const best = tried.reduce((a, b) => (b.concordance > a.concordance ? b : a))
  const rows = ours.map(({ model, scores }) => rowOf(model, tested, scores))
  const differences = rows.map(({ acrossRegions }, index) =>
    Math.abs(acrossRegions - (answer.concordances[index] ?? Number.NaN)),
  )
  return {
    lifelinesVersion: answer.version,
    penalizer: best.penalizer,
    rows: [...rows, rowOf(words.lifelinesModel(answer.version, best.penalizer), tested, best.scores)],
    tried: tried.map(({ penalizer, concordance }) => ({ penalizer, concordance })),
    largestDifference: Math.max(...differences),
    published,
  }
}

async function oursOn(patients: readonly Patient[], signal: AbortSignal) {
  const trainer = createTrainer()
  try {
    const { tested } = await runStudy(studyOf(), patients, { trainer, signal })
    const scores = (of: 'federated' | 'centralised'): Scores =>
      new Map(tested.flatMap((own) => own.patients.map((id, row) => [id, own.scores[of][row] ?? Number.NaN] as const)))
    return [
      { model: words.federated(), scores: scores('federated') },
      { model: words.centralised(), scores: scores('centralised') },
    ]
  } finally {
    await trainer.close()
  }
}
