/** What a trainer's process loads before its first step, which people wait for: a millisecond for each module, whether it is needed or not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { read, targetOf } from './repository.ts'

/** What a module loads when it runs: types are nothing then. */
const loadedBy = (path: string): readonly string[] =>
  [...read(path).matchAll(/(?:^|\n)(?:import|export) (?!type )(?:[^'"]*? from )?'([^']+)'/g)].map(
    ([, specifier = '']) => specifier,
  )

/** Modules of ours, and names of those that are not. */
function closureOf(program: string): { readonly own: ReadonlySet<string>; readonly others: ReadonlySet<string> } {
  const [own, others] = [new Set([program]), new Set<string>()]
  for (const path of own)
    for (const specifier of loadedBy(path)) {
      const target = targetOf(path, specifier)
      if (target === undefined) others.add(specifier)
      else own.add(target)
    }
  return { own, others }
}

const folder = 'packages/site/src/training'

test('a study of layers needs nothing that checks documents, reads model files or makes steps private', () => {
  const { own, others } = closureOf(`${folder}/program.ts`)
  assert.deepEqual([...others].filter((name) => !name.startsWith('node:')).toSorted(), [
    '@noble/hashes/sha2.js',
    'onnxruntime-node',
  ])
  const idle = /\/(?:graph\/(?:import|per-example|interpreter|inspect|testing)|protocol|learning|privacy|metrics)\//
  assert.deepEqual(
    [...own].filter((path) => idle.test(path)),
    [],
  )
  assert.ok(own.size <= 140, `${own.size} modules: which of them does every study need?`)
})

test('what a study of a file needs comes with it', () => {
  const { own } = closureOf(`${folder}/program-of-files.ts`)
  for (const needed of ['graph/import/planned.ts', 'graph/interpreter/values.ts'])
    assert.ok(own.has(`packages/core/src/${needed}`), needed)
})
