import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FindingCode, findingCodes } from '../../preparation/schema.ts'
import { preflightSentence } from './preflight.ts'

/** Codes about one column must name it; the others are about the site. */
const withoutColumn: readonly FindingCode[] = ['emptySplit', 'tooFewPatients', 'duplicateRows']

test('every finding has a sentence that names the site, and the column where there is one', () => {
  for (const code of findingCodes) {
    const sentence = preflightSentence('budapest', { code, severity: 'error', column: 'chol', count: 12 })
    assert.match(sentence, /^budapest/, code)
    assert.match(sentence, /[.}]$/, code)
    assert.equal(sentence.includes('chol'), !withoutColumn.includes(code), sentence)
  }
})

test('errors and unit warnings say how to mend them', () => {
  const mends: Partial<Record<FindingCode, RegExp>> = {
    missingColumn: /columns: \{ chol: NAME \}/,
    notNumber: /data\.missing/,
    unknownCategory: /Translate/,
    outOfRange: /Check the unit/,
    oneClass: /Check the target.*data: \{ oneOutcome: true \}/,
    emptySplit: /Check the file/,
    duplicateRows: /Remove/,
    partUnknown: /columns: \{ chol: \{ column: NAME, codes: \{ CODE: training, CODE: test \} \} \}/,
    partMixed: /Give each patient one part/,
    unitSuspect: /columns: \{ chol: \{ column: NAME, unit: … \} \}/,
  }
  for (const code of findingCodes) {
    const mend = mends[code]
    if (mend !== undefined) assert.match(preflightSentence('a', { code, severity: 'error', column: 'chol' }), mend)
  }
})

test('a small count is not told, and one is not many', () => {
  const sentence = (count?: number | null): string =>
    preflightSentence('a', {
      code: 'outOfRange',
      severity: 'warning',
      column: 'chol',
      ...(count === undefined ? {} : { count }),
    })
  assert.match(sentence(null), /in a few records/)
  assert.match(sentence(), /in some records/)
  assert.match(sentence(1), /in one record;/)
  assert.match(sentence(14), /in 14 records;/)
  assert.doesNotMatch(sentence(null), /\d/)
})
