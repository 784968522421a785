/** `node examples/breast-cancer-survival/run.ts`: Cox's regression over six regions, against all patients in one place and against each region alone. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { publicResults } from '@wardround/cli/federation.ts'
import { parseStudy } from '@wardround/core/protocol/plan.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { inBed, runProgram, tableOf, usage } from '../shared/program.ts'
import { type Run, runStudy } from './federation.ts'
import { bytesPerRound, type Figures, figuresOf } from './figures.ts'
import { readPatients, usualFolder } from './patients.ts'
import { survivalWords } from './words.ts'

export const studyOf = (): Study => {
  const file = 'study.yaml'
  return parseStudy(readFileSync(new URL(file, import.meta.url), 'utf8'), file).study
}

/** The demo's fields, and a row for each region and for all. */
export const documentOf = ({ results }: Run, figures: Figures, seconds: number) => ({
  synthetic: false,
  ...publicResults(results),
  seconds,
  bytesPerRound: bytesPerRound(results),
  ...figures,
})

const shown = ({ results }: Run, figures: Figures): string =>
  [
    tableOf([survivalWords.heads(), ...figures.rows.map(survivalWords.figures)]),
    tableOf([survivalWords.differenceHeads(), ...figures.rows.map(survivalWords.differences)]),
    `${survivalWords.means(figures)}\n${survivalWords.bytes(bytesPerRound(results), results.rounds.length)}\n${survivalWords.method()}\n`,
  ].join('\n')

async function main(args: string[]): Promise<void> {
  const startedAt = performance.now()
  const options = { json: { type: 'boolean' }, data: { type: 'string' }, seed: { type: 'string' } } as const
  const { values } = parseArgs({ args, options })
  const seed = Number(values.seed ?? 1)
  if (!Number.isInteger(seed) || seed < 0) throw usage(survivalWords.noSeed(values.seed ?? ''))
  const patients = await readPatients(resolve(values.data ?? usualFolder()))
  const run = await inBed((bed) => runStudy({ ...studyOf(), seed }, patients, bed))
  const figures = figuresOf(run.tested, patients, survivalWords.all())
  const seconds = (performance.now() - startedAt) / 1000
  if (values.json) process.stdout.write(`${JSON.stringify(documentOf(run, figures, seconds))}\n`)
  else process.stdout.write(`${shown(run, figures)}${survivalWords.seconds(seconds)}\n`)
}

if (import.meta.main) await runProgram(main)
