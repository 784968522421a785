/** How many studies a site works for at once: as its site.yaml asks, as far as this machine has cores, and no further in silence. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { siteOptions } from './site-session.ts'
import { testRuntime } from './testing/runtime.ts'

/** What a site with this training section is opened with, and what it said. */
async function opened(t: TestContext, training: string) {
  const dir = mkdtempSync(join(tmpdir(), 'wardround-session-'))
  t.after(() => rmSync(dir, { recursive: true }))
  writeFileSync(join(dir, 'site.yaml'), `data: { file: data.csv }\n${training}`)
  const said: string[] = []
  const options = siteOptions(testRuntime().runtime, { dir }, (level, message) => void said.push(`${level} ${message}`))
  await options.trainer.close()
  return { atOnce: options.atOnce, said }
}

const cores = availableParallelism()

test('where nobody has said, two at once, or as many as there are cores', async (t) => {
  assert.deepEqual(await opened(t, ''), { atOnce: Math.min(2, cores), said: [] })
})

test('what is asked for is had, as far as there are cores for it; what is not is said', async (t) => {
  assert.deepEqual(await opened(t, 'training: { atOnce: 1 }'), { atOnce: 1, said: [] })
  const { atOnce, said } = await opened(t, 'training: { atOnce: 16, cores: 1 }')
  assert.equal(atOnce, 1)
  assert.deepEqual(said, ['warn site.yaml asks for 16 trainings at once; there are processor cores for 1, so 1 it is'])
  const most = await opened(t, 'training: { atOnce: 16 }')
  assert.deepEqual([most.atOnce, most.said.length], [Math.min(16, cores), cores < 16 ? 1 : 0])
})
