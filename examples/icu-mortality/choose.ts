/**
 * How the recipes were chosen: node examples/icu-mortality/choose.ts [SPLITS] [MODEL]
 * Each candidate runs in the federation of regions over the *training* patients of the first split, who are split again, SPLITS times, in the same
 * ways for every candidate. The test patients of the first split, who are the same people in both federations, are in none of these runs.
 */
import { parseArgs } from 'node:util'
import type { Results } from '@wardround/core/protocol/results.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import { runStudy } from './federation.ts'
import { testedPatients } from './prepare.ts'
import { studyOf } from './run.ts'
import { readStays, usualFolder } from './stays.ts'

type Change = (study: Study) => object
const trained =
  (change: object): Change =>
  (study) => ({ training: { ...study.training, ...change } })
const none: Change = () => ({})

/** The recipe of the study's file, and changes of few things each: those that README.md has figures of. */
const candidates = {
  logistic: {
    '1 epoch a round, l2 0.01': trained({ epochs: 1, l2: 0.01 }),
    '5 epochs, l2 0.01': trained({ epochs: 5, l2: 0.01 }),
    'study-logistic.yaml: 5 epochs, l2 0.05': none,
  },
  mlp: {
    '1 epoch a round, l2 0.01': trained({ epochs: 1, l2: 0.01 }),
    '4 epochs, l2 0.01': trained({ epochs: 4, l2: 0.01 }),
    'study-mlp.yaml: 4 epochs, l2 0.05': none,
    '2 epochs, l2 0.05, balanced classes': trained({ epochs: 2, classWeights: 'balanced' }),
  },
  gru: {
    'study-gru.yaml: 1 epoch a round, l2 0.001': none,
    '3 epochs, l2 0.001': trained({ epochs: 3 }),
  },
} satisfies Record<string, Record<string, Change>>

const { positionals } = parseArgs({ allowPositionals: true })
const [splits = '3', only] = positionals
const all = await readStays(usualFolder())
const tested = testedPatients(all, 1)
const stays = all.filter(({ patient }) => !tested.has(patient))
const bed = { trainer: createTrainer(), signal: new AbortController().signal }
const seeds = Array.from({ length: Number(splits) }, (_, index) => 1001 + index)
const meanOf = (values: readonly number[]): string =>
  (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(4).replace('-', '−')

try {
  process.stdout.write('| recipe | AUROC federated | pooled | local only |\n| --- | --- | --- | --- |\n')
  for (const model of ['logistic', 'mlp', 'gru'] as const) {
    if (only !== undefined && only !== model) continue
    const study = studyOf(model)
    for (const [name, change] of Object.entries<Change>(candidates[model])) {
      const found: Results['overall'][] = []
      for (const seed of seeds) {
        const changed = { ...study, ...change(study) } as Study
        found.push((await runStudy(changed, { stays, federation: 'regions', seed }, bed)).overall)
      }
      const mean = (of: 'federated' | 'centralised' | 'local'): string =>
        meanOf(found.map((overall) => overall[of]?.auroc.value ?? Number.NaN))
      process.stdout.write(`| ${model}: ${name} | ${mean('federated')} | ${mean('centralised')} | ${mean('local')} |\n`)
    }
  }
} finally {
  await bed.trainer.close()
}
