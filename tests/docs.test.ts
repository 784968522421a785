/** The documents say what is so: every path and link exists, and the error list is the registry's, both ways. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { registry } from '@wardround/core/errors.ts'
import { allowedOperators, graphLimits } from '@wardround/core/graph/safelist.ts'
import { operatorFamilies } from '@wardround/core/words/en/operators.ts'
import { operatorsDocument, problemsOf, supportedOperators } from '../tooling/operators.ts'
import { files, isTest, read, root } from './repository.ts'

const documents = files.filter((path) => path.endsWith('.md') && existsSync(join(root, path)))

test('every relative link of every document leads somewhere', () => {
  for (const path of documents) {
    for (const [, target = ''] of read(path).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const place = file === '' ? path : join(dirname(path), file)
      assert.ok(existsSync(join(root, place)), `${path} links to ${target}`)
      if (anchor !== undefined && place.endsWith('.md'))
        assert.ok(anchorsOf(place).has(anchor), `${path} links to ${target}`)
    }
  }
})

test('every path that ARCHITECTURE.md names exists', () => {
  const named = [
    ...read('ARCHITECTURE.md').matchAll(/`((?:packages|tests|tooling|examples|benchmarks|docs|\.ci)\/[^`\s*]*)`/g),
  ]
  assert.ok(named.length > 20)
  for (const [, path = ''] of named) assert.ok(existsSync(join(root, path)), path)
})

test('docs/errors.md lists exactly the codes of the registry, with their exit code and retry class', () => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `(WR_[A-Z_]+)` \| (\d+) \| (\d+) \| (\w+) \|/gm)]
  const listed = rows.map(([, code, status, exit, retry]) => ({
    code,
    status: Number(status),
    exit: Number(exit),
    retry,
  }))
  const registered = Object.entries(registry).map(([code, { status, exit, retry }]) => ({ code, status, exit, retry }))
  const byCode = (a: { code?: string | undefined }, b: { code?: string | undefined }) =>
    (a.code ?? '') < (b.code ?? '') ? -1 : 1
  assert.deepEqual(listed.toSorted(byCode), registered.toSorted(byCode))
})

test('every code of the registry is raised somewhere', () => {
  const sources = files
    .filter(
      (path) => path.endsWith('.ts') && !isTest(path) && !path.endsWith('errors.ts') && existsSync(join(root, path)),
    )
    .map(read)
    .join('\n')
  for (const code of Object.keys(registry)) assert.ok(sources.includes(`'${code}'`), code)
})

test('docs/protocol.md says a site’s limits', () => {
  const [, section = ''] = /## Models\n([\s\S]*?)\n## /.exec(read('docs/protocol.md')) ?? []
  assert.equal(graphLimits.tensorValues, 2 ** 28)
  assert.ok(section.includes(graphLimits.nodes.toLocaleString('en')) && graphLimits.depth === 3)
})

test('docs/operators.md is what the rules say now: node tooling/run.mjs operators --write', () => {
  assert.equal(read('docs/operators.md'), operatorsDocument())
})

test('each operator has words and a family, once, and no words are left of what is gone', () => {
  assert.deepEqual(problemsOf(supportedOperators), [])
  for (const op of allowedOperators) assert.ok(supportedOperators.has(op), op)
  const all = [...supportedOperators]
  assert.match(problemsOf([...all, 'Made', 'Up']).join(), /Without a family.*: Made, Up\.$/)
  assert.match(problemsOf(all.filter((op) => op !== 'Conv')).join(), /no operator any more: Conv\.$/)
  const twice = [...operatorFamilies, ...operatorFamilies.filter(({ operators }) => Object.hasOwn(operators, 'Gemm'))]
  assert.match(problemsOf(all, twice).join(), /In two families.*Gemm/)
})

/** GitHub's anchors: lower case, blanks to hyphens, punctuation dropped. */
function anchorsOf(path: string): Set<string> {
  return new Set(
    [...read(path).matchAll(/^#+ +(.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  )
}
