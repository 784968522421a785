/** The two tasks: four real hospitals, one of which lies; and twenty made up, four of which do. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SimulatedSite } from '@wardround/cli/simulate/federation.ts'
import { parseStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import { permutation, type Random, seededRandom } from '@wardround/core/random.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { parseConfig, readConfig } from '@wardround/site/config.ts'
import { hospitals } from '../../examples/heart-disease/files.ts'

export type ByzantineTask = {
  readonly name: string
  readonly study: Study
  readonly sites: readonly SimulatedSite[]
  /** Who lies: one run for each of these groups, of which the worst counts. */
  readonly coalitions: readonly (readonly string[])[]
}

const rounds: Study['rounds'] = { maximum: 30, deadline: '10m' }

/** The example's study but its end: 30 rounds. Each hospital is the liar once. `data` is the folder of UCI's four files. */
export function heartTask(data: string): ByzantineTask {
  const example = (path: string): string =>
    fileURLToPath(new URL(`../../examples/heart-disease/${path}`, import.meta.url))
  const { study } = parseStudy(readFileSync(example('study.yaml'), 'utf8'))
  const sites = Object.keys(hospitals).map((name) => ({
    name,
    config: readConfig(example(`sites/${name}.yaml`)),
    dataFolder: data,
  }))
  return { name: 'heart disease', study: { ...study, rounds }, sites, coalitions: sites.map(({ name }) => [name]) }
}

const [siteCount, patientsEach, columns, liars] = [20, 120, 10, 4]

/**
 * A made-up disease of ten measurements x: y = 1 with probability σ(2·(w·x + x₁x₂)) for one w everywhere; each hospital's patients have
 * means of their own, drawn with deviation 0.5. The files go to `folder`.
 */
export function syntheticTask(folder: string): ByzantineTask {
  const teacher = seededRandom(['byzantine', 'teacher'])
  const w = Array.from({ length: columns }, () => gaussian(teacher))
  const names = Array.from({ length: siteCount }, (_, index) => `site-${String(index + 1).padStart(2, '0')}`)
  mkdirSync(folder, { recursive: true })
  const sites = names.map((name) => {
    writeFileSync(join(folder, `${name}.csv`), tableOf(name, w))
    return { name, config: parseConfig(`data: { file: ${name}.csv }`, name), dataFolder: folder }
  })
  const order = permutation(siteCount, seededRandom(['byzantine', 'liars']))
  return {
    name: 'synthetic, 20 sites',
    study: syntheticStudy(),
    sites,
    coalitions: [[...order.subarray(0, liars)].map((index) => names[index] ?? '').toSorted()],
  }
}

function tableOf(name: string, w: readonly number[]): string {
  const random = seededRandom(['byzantine', name])
  const centre = w.map(() => 0.5 * gaussian(random))
  const lines = Array.from({ length: patientsEach }, (_, patient) => {
    const x = centre.map((mean) => mean + gaussian(random))
    const score = w.reduce((sum, weight, i) => sum + weight * (x[i] ?? 0), 0) + (x[0] ?? 0) * (x[1] ?? 0)
    const ill = random.uniform() < 1 / (1 + Math.exp(-2 * score)) ? 1 : 0
    return [patient + 1, ...x.map((value) => value.toFixed(4)), ill].join(',')
  })
  return `${[['patient', ...w.map((_, i) => `x${i + 1}`), 'ill'].join(','), ...lines].join('\n')}\n`
}

function syntheticStudy(): Study {
  const column = { type: 'number', unit: '1', range: [-20, 20] }
  return validatePlan({
    wardround: 1,
    name: 'byzantine',
    question: 'Is the patient ill?',
    data: {
      patient: 'patient',
      target: { column: 'ill', positive: '> 0' },
      columns: Object.fromEntries(Array.from({ length: columns }, (_, i) => [`x${i + 1}`, column])),
      split: { test: 0.34, stratify: 'target' },
    },
    model: {
      layers: [
        { dense: 16, activation: 'tanh' },
        { dense: 1, name: 'output' },
      ],
    },
    training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.1 } }, batch: 16, epochs: 2 },
    strategy: { fedAvg: {} },
    rounds,
  }).study
}

/** Box and Muller 1958. */
const gaussian = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform())
