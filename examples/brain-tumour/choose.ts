/**
 * How the recipe was chosen: node examples/brain-tumour/choose.ts [--division N] [--partition NAME] [CANDIDATE…]
 * Each candidate runs in a federation of four clinics on training images alone, divided again (division.ts); the federated accuracy on those held back decides.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { chosenOf, inBed, runProgram } from '../shared/program.ts'
import { dividedAgain } from './division.ts'
import { runStudy } from './federation.ts'
import { readImages, usualFolder } from './images.ts'
import { partitions } from './partition.ts'
import { brainWords } from './words.ts'

/** Fields of a study document that differ from one candidate to another. */
type Recipe = {
  readonly rounds: number
  readonly epochs: number
  readonly layers?: readonly object[]
  readonly training?: object
  readonly strategy?: object
}

const layersWith = (dense: number, dropout: number): readonly object[] => [
  { conv2d: 16, kernel: 5, strides: 2, padding: 'same', activation: 'relu' },
  { conv2d: 24, kernel: 3, padding: 'same', activation: 'relu' },
  { maxPool2d: 2 },
  { conv2d: 32, kernel: 3, padding: 'same', activation: 'relu' },
  { maxPool2d: 2 },
  { conv2d: 64, kernel: 3, padding: 'same', activation: 'relu' },
  { maxPool2d: 2 },
  { flatten: {} },
  { dense, activation: 'relu' },
  { dropout },
  { dense: 4, name: 'output' },
]

/** A rate that falls along half a cosine. */
const falling = (change: object = {}, [rounds, epochs]: readonly [number, number] = [15, 3]): Recipe => ({
  rounds,
  epochs,
  training: { schedule: { cosine: { length: rounds, final: 0.05 } }, ...change },
})
const larger = { batch: 32, optimizer: { adam: { rate: 0.002 } } }

/** For clinics that are unlike: choose.ts --partition dirichlet. */
const adjusted = { loss: { categoricalCrossEntropy: { logitAdjustment: 1 } } }
const descent = { batch: 32, optimizer: { sgd: { rate: 0.02, momentum: 0.9 } } }
const momentum = { fedAvgM: { momentum: 0.5 } }

/** Those that README.md has figures of: rounds × epochs at most one and a half times 10 × 3, which the example had before. */
export const candidates: Readonly<Record<string, Recipe>> = {
  '10x3': { rounds: 10, epochs: 3 },
  '15x3 falling': falling(),
  '15x3 falling, flipped': falling({ augment: { flip: 'horizontal' } }),
  '15x3 falling, moved': falling({ augment: { shift: 0.04, rotation: 8 } }),
  '15x3 falling, batch 32, rate 0.002': falling(larger),
  '15x3 falling, smoothed, AdamW': falling({
    loss: { categoricalCrossEntropy: { labelSmoothing: 0.1 } },
    optimizer: { adamW: { rate: 0.001, weightDecay: 0.05 } },
  }),
  '15x3 falling, dense 128': { ...falling(), layers: layersWith(128, 0.5) },
  '45x1 falling, batch 32, rate 0.002': falling(larger, [45, 1]),
  fedAvgM: { ...falling(larger), strategy: momentum },
  fedProx: { ...falling(larger), strategy: { fedProx: { mu: 0.1 } } },
  fedAdam: { ...falling(larger), strategy: { fedAdam: { rate: 0.003 } } },
  fedDyn: { ...falling(larger), strategy: { fedDyn: { alpha: 0.01 } } },
  adjusted: falling({ ...larger, ...adjusted }),
  'adjusted, fedAvgM': { ...falling({ ...larger, ...adjusted }), strategy: momentum },
  '45x1 descent': falling(descent, [45, 1]),
  '45x1 descent, adjusted': falling({ ...descent, ...adjusted }, [45, 1]),
  '45x1 descent, adjusted, fedAvgM': { ...falling({ ...descent, ...adjusted }, [45, 1]), strategy: momentum },
}

const file = 'study.yaml'
const document = readFileSync(new URL(file, import.meta.url), 'utf8')

/** The question and the data of study.yaml, with a candidate's model, training, strategy and rounds. */
export function studyWith({
  rounds,
  epochs,
  layers = layersWith(64, 0.3),
  training,
  strategy = { fedAvg: {} },
}: Recipe): Study {
  const { wardround, name, question, data } = parseStudy(document, file).study
  const usual = { loss: 'categoricalCrossEntropy', optimizer: { adam: { rate: 0.001 } }, batch: 16, epochs }
  return validatePlan({
    ...{ wardround, name, question, data },
    model: { layers },
    training: { ...usual, ...training },
    strategy,
    rounds: { maximum: rounds },
  }).study
}

const lineOf = (candidate: string, { overall, bytesUp, bytesDown, rounds }: Results, seconds: number): string =>
  brainWords.candidate({
    candidate,
    federated: overall.federated.accuracy,
    single: overall.local.accuracy,
    bytesPerRound: (bytesUp + bytesDown) / Math.max(1, rounds.length),
    seconds,
  })

async function main(args: string[]): Promise<void> {
  const text = { type: 'string' } as const
  const options = { division: text, partition: text } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const names = Object.keys(candidates)
  const wanted = positionals.flatMap((typed) => chosenOf(names, typed, brainWords.unknownCandidate(typed, names)))
  const { division = '1', partition: even = 'iid' } = values
  const [partition = 'iid'] = chosenOf(partitions, even, brainWords.unknown('partition', even, partitions))
  const seed = Number(division)
  const folder = usualFolder()
  const images = dividedAgain(await readImages(folder), seed)
  const asked = { images, folder, form: 'packed', split: 'clean', partition, seed, pooled: false } as const
  process.stdout.write(brainWords.candidateHeads())
  await inBed(async (bed) => {
    for (const [name, recipe] of Object.entries(candidates)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue
      const startedAt = performance.now()
      const results = await runStudy(studyWith(recipe), asked, bed)
      process.stdout.write(lineOf(name, results, (performance.now() - startedAt) / 1000))
    }
  })
}

if (import.meta.main) await runProgram(main)
