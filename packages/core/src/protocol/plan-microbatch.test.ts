import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { WardroundError } from '../errors.ts'
import { parseStudy } from './plan.ts'

const source = readFileSync(new URL('../../../../examples/heart-disease/study.yaml', import.meta.url), 'utf8')

const inParts = (microbatch: number, layer = '{ dense: 64, activation: relu }'): string =>
  source
    .replace('batch: 32', `batch: 32\n  microbatch: ${microbatch}`)
    .replace('layers:\n', `layers:\n    - ${layer}\n`)

const problemOf = (text: string): readonly unknown[] => {
  try {
    parseStudy(text)
  } catch (error) {
    assert.ok(error instanceof WardroundError, String(error))
    return [error.code, error.parameters.field, error.parameters.problem]
  }
  return assert.fail('this parsed')
}

test('a batch is worked on in parts that are no larger than it', () => {
  assert.equal(parseStudy(inParts(4)).study.training.microbatch, 4)
  assert.equal(parseStudy(inParts(32)).study.training.microbatch, 32)
  assert.deepEqual(problemOf(inParts(33)).slice(0, 2), ['WR_STUDY_INVALID', 'training.microbatch'])
})

test('and not where layers go by the whole of it', () => {
  const problem = problemOf(inParts(4, '{ dense: 4 }\n    - { batchNormalization: {} }'))
  assert.deepEqual(problem.slice(0, 2), ['WR_STUDY_INVALID', 'training.microbatch'])
  assert.match(String(problem[2]), /whole batch/)
})

test('a study that says nothing of it has the hash that it had before there was such a field', () => {
  assert.equal(JSON.stringify(parseStudy(source).plan).includes('microbatch'), false)
})
