import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parseStudy } from '@wardround/core/protocol/plan.ts'
import { draftWords } from '@wardround/core/words/en/draft.ts'
import { z } from 'zod'
import { ran } from '../testing/runtime.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-init-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** Fifty patients of a hospital whose export knows more than a study should. */
const rows = Array.from({ length: 50 }, (_, index) =>
  [
    `P${1000 + index}`,
    `family-${index}`,
    `2${String(index).padStart(5, '0')}`,
    `19${50 + (index % 40)}-0${1 + (index % 9)}-11`,
    (40 + ((index * 7) % 30)).toFixed(1),
    (4 + ((index * 3) % 20) / 7).toFixed(2),
    index % 2 === 0 ? 'f' : 'm',
    index % 3 === 0 ? 1 : 0,
    'Ward 4',
  ].join(','),
)
const table = `PatientID,Surname,MRN,Birth date,Age (a),glucose [mmol/L],sex,outcome,ward\n${rows.join('\n')}\n`

const draftSchema = z.strictObject({
  name: z.string(),
  target: z.string(),
  names: z.record(z.string(), z.string()),
  leftOut: z.array(z.strictObject({ column: z.string(), reason: z.string() })),
  study: z.string(),
})

async function drafted(args: readonly string[]) {
  const { code, stdout, stderr } = await ran(['study', 'init', ...args, '--json'])
  assert.equal(code, 0, stdout + stderr)
  return draftSchema.parse(JSON.parse(stdout))
}

/** What `study check` says of a draft. */
const checked = async (text: string) => ran(['study', 'check', file('checked.yaml', text)])

test('the draft of a table is a study that study check accepts, and says the same name', async () => {
  const { study, name, target } = await drafted([file('ward.csv', table)])
  const { code, stdout, stderr } = await checked(study)
  assert.equal(code, 0, stderr)
  assert.match(stdout, new RegExp(`^${name} is a valid study`))
  assert.equal(target, 'outcome')
  assert.deepEqual(parseStudy(study).study.data.target, { column: 'outcome', positive: '> 0' })
})

test('what may say who a patient is takes no part, and is named with the reason', async () => {
  const { study, leftOut } = await drafted([file('ward.csv', table)])
  const parsed = parseStudy(study).study.data
  assert.equal(parsed.patient, 'PatientID')
  const taken = Object.keys(parsed.columns)
  assert.deepEqual(taken.toSorted(), ['Age_a', 'glucose_mmol_L', 'sex'])
  const reasons = Object.fromEntries(leftOut.map(({ column, reason }) => [column, reason]))
  assert.deepEqual(Object.keys(reasons).toSorted(), ['Birth date', 'MRN', 'Surname', 'ward'])
  assert.equal(reasons.ward, 'constant')
  for (const { column } of leftOut) assert.match(study, new RegExp(`^ *#.*${column}`, 'm'), column)
  // No value of an identifying column is in the draft, which is published later.
  assert.doesNotMatch(study, /P10\d\d|family-|200\d\d\d|Ward 4/)
})

test('units come from names where they stand there; everywhere else they are left to fill in, and say so', async () => {
  const { study, names } = await drafted([file('ward.csv', table.replace('Age (a)', 'age'))])
  const lines = study.split('\n')
  const lineOf = (column: string): string => lines.find((line) => line.includes(`${column}:`)) ?? ''
  assert.ok(lineOf('age').includes(draftWords.unit()), lineOf('age'))
  assert.match(lineOf(names['glucose [mmol/L]'] ?? 'nothing'), /unit: "?mmol\/L"?/)
  assert.ok(study.includes(draftWords.fillInQuestion()))
})

test('the target can be said; one that there is not, or that is no outcome, is refused', async () => {
  const path = file('ward.csv', table)
  const { study, target } = await drafted([path, '--target', 'sex'])
  assert.equal(target, 'sex')
  assert.equal((await checked(study)).code, 0)
  const regression = await drafted([path, '--target', 'glucose [mmol/L]'])
  assert.ok('range' in parseStudy(regression.study).study.data.target)
  const absent = await ran(['study', 'init', path, '--target', 'nothing'])
  assert.equal(absent.code, 4)
  assert.match(absent.stderr, /^WR_DATA_COLUMN: /)
  assert.match((await ran(['study', 'init', path, '--target', 'ward'])).stderr, /^WR_DATA_UNREADABLE: /)
})

test('names become names of studies', async () => {
  const cases: [args: string[], name: string][] = [
    [[file('Export 2026.v2.CSV', table)], 'export-2026-v2'],
    [[file('ward.csv', table), '--name', 'Heart Disease (Zürich)'], 'heart-disease-z-rich'],
    [[file('---.csv', table)], 'study'],
    [[file('ward.csv', table), '--name', 'v1.2'], 'v1-2'],
  ]
  for (const [args, name] of cases) {
    const draft = await drafted(args)
    assert.equal(draft.name, name)
    assert.equal(parseStudy(draft.study).study.name, name)
  }
})

test('--out writes the draft, and never over a file that is there', async () => {
  const out = join(folder, 'study.yaml')
  const args = ['study', 'init', file('ward.csv', table), '--out', out]
  const first = await ran(args)
  assert.equal(first.code, 0)
  assert.ok(first.stdout.includes(`wardround study check ${out}`))
  assert.equal((await ran(['study', 'check', out])).code, 0)
  writeFileSync(out, 'mine')
  const second = await ran(args)
  assert.equal(second.code, 2)
  assert.match(second.stderr, /^WR_USAGE: .*study\.yaml/)
  assert.equal(readFileSync(out, 'utf8'), 'mine')
  assert.equal((await ran(['study', 'init', file('ward.csv', table), '--out', join(folder, 'no', 'x.yaml')])).code, 8)
  assert.ok(!existsSync(join(folder, 'no')))
})

test('what is no table is refused', async () => {
  assert.match((await ran(['study', 'init', join(folder, 'absent.csv')])).stderr, /^WR_DATA_MISSING: /)
  assert.match((await ran(['study', 'init', file('empty.csv', '')])).stderr, /^WR_DATA_EMPTY: /)
  assert.match((await ran(['study', 'init', file('names.csv', 'a,b\n')])).stderr, /^WR_DATA_EMPTY: /)
  assert.match((await ran(['study', 'init', file('one.csv', 'patient,x\na,1\nb,1\n')])).stderr, /^WR_DATA_UNREADABLE: /)
})
