import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import fc from 'fast-check'
import { parseConfig, readConfig } from './config.ts'

const whole = `name: budapest
data:
  file: hungary.csv
  missing: ['?', -9]
columns:
  age: AGE_YEARS
  chol: { column: CHOL, unit: mmol/L, missing: [0] }
  who: { rowNumber: true }
policy:
  minimumCohort: 20
  releases: [updates]
training: { memoryMegabytes: 2000 }
`

test('a whole site.yaml, and what is filled in', () => {
  const { data, columns, policy, training } = parseConfig(whole, 'site.yaml')
  assert.deepEqual(data, { file: 'hungary.csv', missing: ['?', '-9'], encoding: 'utf-8', oneOutcome: false })
  assert.deepEqual(columns.age, { column: 'AGE_YEARS' })
  assert.deepEqual(columns.chol, { column: 'CHOL', unit: 'mmol/L', missing: ['0'] })
  assert.deepEqual(columns.who, { rowNumber: true })
  assert.deepEqual(policy, { minimumCohort: 20, releases: ['updates'] })
  assert.deepEqual(training, { memoryMegabytes: 2000, device: 'cpu' })
  const least = parseConfig('data: { file: a.csv }', 'site.yaml')
  assert.deepEqual(least.policy, { minimumCohort: 10, releases: ['statistics', 'updates', 'evaluations'] })
  assert.deepEqual(least.columns, {})
  assert.deepEqual(least.training, { device: 'cpu' })
})

test('every mistake is named with its line and field', () => {
  const cases: readonly (readonly [name: string, from: string, to: string, line: number, field: string])[] = [
    ['an unknown field', '  file: hungary.csv', '  file: hungary.csv\n  flie: x', 4, 'data.flie'],
    ['nothing at once', 'memoryMegabytes: 2000', 'atOnce: 0', 12, 'training.atOnce'],
    ['too much at once', 'memoryMegabytes: 2000', 'atOnce: 17', 12, 'training.atOnce'],
    ['less memory than any training needs', '2000', '20', 12, 'training.memoryMegabytes'],
    ['an unknown section', 'policy:', 'polices:', 9, 'polices'],
    ['no data', whole, 'name: budapest\n', 1, 'data'],
    ['no file', '  file: hungary.csv\n', '', 2, 'data.file'],
    ['an unknown field of a column', 'unit: mmol/L', 'units: mmol/L', 7, 'columns.chol.units'],
    ['a column that is no column', 'age: AGE_YEARS', 'age: 7', 6, 'columns.age'],
    ['a factor of nothing', 'unit: mmol/L', 'factor: 0', 7, 'columns.chol.factor'],
    ['a cohort of nobody', 'minimumCohort: 20', 'minimumCohort: 0', 10, 'policy.minimumCohort'],
    ['a release that there is not', '[updates]', '[everything]', 11, 'policy.releases.0'],
    ['a tab', 'name: budapest', '\tname: budapest', 1, ''],
    ['a list not closed', '[updates]', '[updates', 12, ''],
    ['a field twice', 'name: budapest', 'name: budapest\nname: pécs', 2, ''],
    ['a tag that means nothing', 'minimumCohort: 20', 'minimumCohort: !few 20', 10, ''],
    ['nothing at all', whole, '', 1, 'data'],
  ]
  for (const [name, from, to, line, field] of cases) {
    assert.throws(
      () => parseConfig(whole.replace(from, to), 'site.yaml'),
      (error: unknown) => {
        assert.ok(error instanceof WardroundError, `${name}: ${error}`)
        assert.equal(error.code, 'WR_CONFIG', name)
        const { file, line: where, field: which, problem } = error.parameters
        assert.deepEqual([file, where, which], ['site.yaml', line, field], name)
        assert.ok(String(problem).length > 3, name)
        return true
      },
    )
  }
})

test('a missing file, a folder, and a file full of aliases are errors of ours', () => {
  const coded = (error: unknown) => error instanceof WardroundError && error.code === 'WR_CONFIG'
  assert.throws(() => readConfig('nowhere/site.yaml'), coded)
  assert.throws(() => readConfig(fileURLToPath(new URL('.', import.meta.url))), coded)
  const bomb = `a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n${whole}`
  assert.throws(() => parseConfig(bomb, 'site.yaml'), coded)
})

test('whatever the text, it is a configuration or an error of ours', () => {
  const line = fc.constantFrom(...whole.split('\n'), '  - ', '{', ']', 'a: &a', 'b: *a', '!!binary x', '? x', '---')
  fc.assert(
    fc.property(fc.array(fc.oneof(line, fc.string()), { maxLength: 12 }), (lines) => {
      try {
        parseConfig(lines.join('\n'), 'site.yaml')
      } catch (error) {
        assert.ok(error instanceof WardroundError && error.code === 'WR_CONFIG', String(error))
      }
    }),
    { numRuns: 300 },
  )
})

test("the example's files are valid", () => {
  const sites = fileURLToPath(new URL('../../../examples/heart-disease/sites', import.meta.url))
  for (const name of readdirSync(sites)) assert.equal(readConfig(join(sites, name)).name, name.replace('.yaml', ''))
})
