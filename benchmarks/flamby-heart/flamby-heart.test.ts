import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import type { HeartRecord } from '../fed-heart-disease.ts'
import { candidates } from './candidates.ts'
import { chosenSchema, foldsOf } from './choose.ts'
import { overSeeds } from './figures.ts'
import { recipes } from './recipes.ts'
import { torchStart } from './torch-start.ts'

const here = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')
const { study } = parseStudy(here('study.yaml'))

test('every recipe is a study, and none is called like another', () => {
  for (const { change } of recipes)
    validatePlan({ ...study, ...change, model: { ...study.model, start: torchStart(42) } })
  const tried = candidates(study)
  for (const candidate of tried) validatePlan(candidate.study)
  for (const names of [recipes.map(({ strategy }) => strategy), tried.map(({ name }) => name)])
    assert.equal(new Set(names).size, names.length)
  // A hash each: what differs in name differs in what is done.
  assert.equal(new Set(tried.map((candidate) => validatePlan(candidate.study).planHash)).size, tried.length)
})

test('the chosen recipes are the best of those that were tried, and all candidates were', () => {
  const { federated, local, tried } = chosenSchema.parse(JSON.parse(here('chosen.json')))
  assert.deepEqual(
    tried.map(({ name }) => name),
    candidates(study).map(({ name }) => name),
  )
  const bestOf = (model: 'federated' | 'local'): number => Math.max(...tried.map((row) => row[model]))
  assert.equal(tried.find(({ name }) => name === federated)?.federated, bestOf('federated'))
  assert.equal(tried.find(({ name }) => name === local)?.local, bestOf('local'))
})

test('folds: each record is in one, and each outcome is dealt out evenly', () => {
  const records = Array.from({ length: 83 }, (_, row): HeartRecord => {
    return { part: 'training', features: { age: row }, num: row % 3 }
  })
  const folded = foldsOf(['cleveland', 1], records)
  assert.deepEqual(
    folded.map(({ record }) => record),
    records,
  )
  const sizes = (ill: boolean): number[] =>
    [0, 1, 2, 3, 4].map((fold) => folded.filter((own) => own.fold === fold && own.record.num > 0 === ill).length)
  for (const counts of [sizes(true), sizes(false)])
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join())
  for (const labels of [
    ['zurich', 1],
    ['cleveland', 2],
  ])
    assert.notDeepEqual(foldsOf(labels, records), folded)
})

test('over seeds: the mean of means, the deviation with n − 1, and the mean at each centre', () => {
  const runs = [
    { a: 0.5, b: 0.7 },
    { a: 0.7, b: 0.9 },
    { a: 0.6, b: 0.8 },
  ]
  const { meanOverCentres, sd, perCentre } = overSeeds(runs)
  // Means over centres are 0.6, 0.8 and 0.7.
  assert.ok(Math.abs(meanOverCentres - 0.7) < 1e-12 && Math.abs(sd - 0.1) < 1e-12)
  assert.ok(Math.abs((perCentre.a ?? 0) - 0.6) < 1e-12 && Math.abs((perCentre.b ?? 0) - 0.8) < 1e-12)
  assert.equal(overSeeds(runs.slice(0, 1)).sd, 0)
})
