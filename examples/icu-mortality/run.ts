/** `node examples/icu-mortality/run.ts`: three models in two federations, each against the pooled model and against every site alone. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { publicResults } from '@wardround/cli/federation.ts'
import { WardroundError } from '@wardround/core/errors.ts'
import { parseStudy } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import { trainingSchema } from '@wardround/core/study/model.ts'
import type { Study } from '@wardround/core/study/study.ts'
import type { Bed } from '../shared/federation.ts'
import { chosenOf, inBed, runProgram, tableOf, usage } from '../shared/program.ts'
import { runStudy } from './federation.ts'
import { type Row, rowOf } from './figures.ts'
import { type Federation, federations } from './prepare.ts'
import { readStays, type Stay, usualFolder } from './stays.ts'
import { icuWords } from './words.ts'

export const models = ['logistic', 'mlp', 'gru'] as const
type Model = (typeof models)[number]

export function studyOf(model: Model): Study {
  const file = `study-${model}.yaml`
  return parseStudy(readFileSync(new URL(file, import.meta.url), 'utf8'), file).study
}

/**
 * Hospitals have some fifteen records each: a batch, and a step, of their own, after which an average of their weights is far from what all records would have taught. Plain gradient descent on all
 * of a hospital's records, one step a round, is that of the pooled records: their gradients' average, weighed by records, is the whole gradient (federated SGD, McMahan et al. 2017). Without dropout,
 * which draws otherwise for a record here and there.
 */
export function recipeFor(federation: Federation, study: Study): Study {
  const { model, training, rounds } = study
  if (federation !== 'hospitals' || !('layers' in model)) return study
  const { epochs: _, ...rest } = training
  return {
    ...study,
    model: { ...model, layers: model.layers.filter((layer) => !('dropout' in layer)) },
    training: trainingSchema.parse({ ...rest, optimizer: { sgd: { rate: 0.1 } }, batch: 1024, steps: 1 }),
    rounds: { ...rounds, maximum: 200 },
  }
}

type Found = { readonly rows: readonly Row[]; readonly first: Results }

/** The demo's fields, and a row for each model in each federation. */
export const documentOf = ({ rows, first, seconds }: Found & { readonly seconds: number }) => ({
  synthetic: false,
  ...publicResults(first),
  seconds,
  rows,
})

type Asked = {
  readonly stays: readonly Stay[]
  readonly splits: number
  readonly federations: readonly Federation[]
  readonly models: readonly Model[]
}

/** Of each federation and model its row; `first` are the first split's results of the first of all. */
async function runAll({ stays, splits, ...asked }: Asked, bed: Bed): Promise<Found> {
  const rows: Row[] = []
  const firsts: Results[] = []
  for (const federation of asked.federations) {
    for (const model of asked.models) {
      const run = (seed: number): Promise<Results> => {
        process.stderr.write(`${icuWords.running(federation, model, seed)}\n`)
        return runStudy(recipeFor(federation, studyOf(model)), { stays, federation, seed }, bed)
      }
      const all: [Results, ...Results[]] = [await run(1)]
      for (let seed = 2; seed <= splits; seed++) all.push(await run(seed))
      firsts.push(all[0])
      rows.push(rowOf(federation, model, all))
    }
  }
  const [first] = firsts
  if (first === undefined) throw new WardroundError('WR_INTERNAL', { what: 'no federation and no model' })
  return { rows, first }
}

const shown = (rows: readonly Row[], splits: number): string =>
  [
    tableOf([icuWords.heads(), ...rows.map(icuWords.figures)]),
    tableOf([icuWords.differenceHeads(splits), ...rows.map((row) => icuWords.differences(row, splits))]),
  ].join('\n')

const oneOf = <T extends string>(option: string, known: readonly T[], typed: string | undefined): readonly T[] =>
  chosenOf(known, typed, icuWords.unknown(option, typed ?? '', known))

async function main(args: string[]): Promise<void> {
  const startedAt = performance.now()
  const text = { type: 'string' } as const
  const options = { json: { type: 'boolean' }, data: text, splits: text, federation: text, model: text } as const
  const { values } = parseArgs({ args, options })
  const splits = Number(values.splits ?? 1)
  if (!Number.isInteger(splits) || splits < 1)
    throw usage(icuWords.unknown('splits', values.splits ?? '', ['1', '2', '…']))
  const stays = await readStays(values.data ?? usualFolder())
  const asked = {
    stays,
    splits,
    federations: oneOf('federation', federations, values.federation),
    models: oneOf('model', models, values.model),
  }
  const { rows, first } = await inBed((bed) => runAll(asked, bed))
  const seconds = (performance.now() - startedAt) / 1000
  if (values.json) process.stdout.write(`${JSON.stringify(documentOf({ rows, first, seconds }))}\n`)
  else process.stdout.write(`${shown(rows, splits)}\n${icuWords.method()}\n${icuWords.seconds(seconds)}\n`)
}

if (import.meta.main) await runProgram(main)
