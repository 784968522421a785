/** What people write by hand: a study, and a hospital's site.yaml (packages/core/src/protocol/plan.ts, packages/site/src/config.ts). */
import { readFileSync } from 'node:fs'
import { parseStudy, readPlan } from '@wardround/core/protocol/plan.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { parseConfig } from '@wardround/site/config.ts'
import fc from 'fast-check'
import { parse, stringify } from 'yaml'
import { smallPlan } from '../../../packages/coordinator/src/testing/study.ts'
import { type Boundary, type Bytes, bytesOf, type Mutator } from '../boundary.ts'
import { changedJson, jsonMutator } from '../mutate/json.ts'

/** The document says something else, and is still YAML. */
const inside: Mutator = jsonMutator(
  (input) => parse(new TextDecoder().decode(input), { maxAliasCount: 0, logLevel: 'error' }) as unknown,
  (value) => bytesOf(stringify(value)),
)

/** `value`, changed in a few places. */
const around = (value: unknown): fc.Arbitrary<Bytes> =>
  fc.tuple(fc.nat(), fc.nat(4)).map(([seed, changes]) => {
    const random = seededRandom(['around', seed])
    let changed = structuredClone(value)
    for (let change = 0; change < changes; change++) changed = changedJson(changed, random)
    return bytesOf(stringify(changed))
  })

const text = (path: string): Bytes => bytesOf(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8'))
const syntax = ['? ', ': ', '- ', '&a ', '*a', '<<: *a', '!!binary ', '!!js/function ', '%YAML 1.1\n', '---\n', '...\n']
const blocks = ['|+2\n', '>-\n', '{', '}', '[', ']', '"\\x', '# ', '\t', '!!set', '!<tag:yaml.org,2002:str> ']

const studies = [smallPlan(), smallPlan({ strategy: { trimmedMean: {} }, rounds: { stop: { patience: 2 } } })]

export const study: Boundary = {
  name: 'study',
  codes: ['WR_STUDY_SYNTAX', 'WR_STUDY_INVALID'],
  seeds: studies.map((plan) => bytesOf(stringify(plan))),
  documents: fc.oneof(...studies.map(around)),
  mutators: [inside],
  words: [...syntax, ...blocks, 'wardround: 1', 'personal: [output.bias]', 'classes: { a: A }', 'positive: in a b'],
  sources: /packages\/core\/src\/(?:protocol\/plan|study|graph\/layers|preparation\/encoding)|node_modules\/yaml\//,
  open: () => ({
    take(input) {
      // As a command reads the file.
      const { plan, planHash } = parseStudy(new TextDecoder().decode(input))
      // What is sent says the same to everybody who reads it.
      const again = readPlan(JSON.stringify(plan))
      if (again.planHash !== planHash) throw new Error(`${planHash} became ${again.planHash}`)
      return 'accepted'
    },
    close: () => undefined,
  }),
}

const config = {
  name: 'ward',
  data: { file: 'data.csv', missing: ['?', -9], delimiter: ';', decimal: ',', encoding: 'latin1', header: ['a', 'b'] },
  columns: {
    age: 'AGE',
    chol: { column: 'CHOL', unit: 'mmol/L', factor: 2, missing: [0], codes: { 1: 'a' } },
    who: { rowNumber: true },
  },
  policy: { minimumCohort: 5, releases: ['update'], maximumRounds: 10, studies: ['small'] },
}

export const siteConfig: Boundary = {
  name: 'config',
  codes: ['WR_CONFIG'],
  seeds: [text('examples/heart-disease/sites/cleveland.yaml'), bytesOf(stringify(config))],
  documents: around(config),
  mutators: [inside],
  words: [...syntax, ...blocks, 'rowNumber: true', 'columns: {}', 'policy:', 'releases: []'],
  sources: /packages\/site\/src\/config\.ts|node_modules\/yaml\//,
  open: () => ({
    take(input) {
      parseConfig(new TextDecoder().decode(input), 'site.yaml')
      return 'accepted'
    },
    close: () => undefined,
  }),
}
