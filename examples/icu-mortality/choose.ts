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
const perSite: Change = (study) => ({ data: { ...study.data, normalise: 'per-site' } })
const none: Change = () => ({})

/** The recipe of the study's file, and changes of few things each. */
const candidates = {
  logistic: {
    'study-logistic.yaml': none,
    '5 epochs a round': trained({ epochs: 5 }),
    '5 epochs, l2 0.05': trained({ epochs: 5, l2: 0.05 }),
    '5 epochs, l2 0.2': trained({ epochs: 5, l2: 0.2 }),
    '5 epochs, l2 0.05, balanced classes': trained({ epochs: 5, l2: 0.05, classWeights: 'balanced' }),
    '5 epochs, l2 0.05, normalised per site': (study) => ({
      ...trained({ epochs: 5, l2: 0.05 })(study),
      ...perSite(study),
    }),
  },
  mlp: {
    'study-mlp.yaml': none,
    '4 epochs a round': trained({ epochs: 4 }),
    '4 epochs, l2 0.05': trained({ epochs: 4, l2: 0.05 }),
    '2 epochs, l2 0.05, balanced classes': trained({ epochs: 2, l2: 0.05, classWeights: 'balanced' }),
  },
  gru: {
    'study-gru.yaml': none,
    '3 epochs a round': trained({ epochs: 3 }),
    '3 epochs, l2 0.02': trained({ epochs: 3, l2: 0.02 }),
    '3 epochs, balanced classes': trained({ epochs: 3, classWeights: 'balanced' }),
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
