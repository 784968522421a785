/** Planted bugs are found, each by the checker that is there for it, and within few seeds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BugName, bugs } from './bugs.ts'
import { storm } from './storm.ts'

const found: Readonly<Record<BugName, { readonly by: RegExp; readonly withinSeeds: number }>> = {
  'count-twice': { by: /^Error: (?:counted|weights|phases): /, withinSeeds: 60 },
  'forget-fsync': { by: /^Error: wire: .* its journal knows 0/, withinSeeds: 3 },
  'trust-old-grant': { by: /^Error: wire: .* without a grant/, withinSeeds: 30 },
}

for (const [name, { by, withinSeeds }] of Object.entries(found) as [BugName, (typeof found)[BugName]][])
  test(`a federation with the bug ${name} does not get through ${withinSeeds} seeds`, async () => {
    for (let seed = 1; seed <= withinSeeds; seed++) {
      const { problem } = await storm(seed, { bugs: bugs[name] })
      if (problem === undefined) continue
      assert.match(problem, by)
      return
    }
    assert.fail('nobody noticed')
  })
