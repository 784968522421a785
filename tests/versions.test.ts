/** Sites of other versions: one minor version either side takes part in a whole study; what is further away hears what to do. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { runSite } from '@wardround/site/agent.ts'
import { joinNetwork } from '@wardround/site/join.ts'
import { readJournal } from '@wardround/site/journal.ts'
import { ran } from '../packages/cli/src/testing/runtime.ts'
import { openFederation } from './federation.ts'
import { clock, disk, ed25519, entropy, hospital, parsedSmall, scratch, smallTable, version } from './support.ts'

const tables = { older: smallTable('older'), newer: smallTable('newer') }

async function studied(versions: Readonly<Record<string, string>>) {
  const federation = await openFederation(scratch('versions'), tables, { versions })
  try {
    const id = await federation.publish(parsedSmall())
    federation.runSites()
    const { outcome, weightsSha256 } = await federation.finish(id)
    const { sites } = await federation.client.call('sites')
    return { outcome, weightsSha256, sites: sites.map((site) => site.version) }
  } finally {
    await federation.close()
  }
}

test('a site one minor version older and one newer do a whole study, with the weights of sites of one version', async () => {
  const alike = await studied({})
  const mixed = await studied({ older: '0.0.9', newer: '0.2.4' })
  assert.deepEqual(alike, { ...alike, outcome: 'completed', sites: [version, version] })
  assert.deepEqual(mixed, { ...alike, sites: ['0.2.4', '0.0.9'] })
})

const tooFar = (theirs: string) => (error: unknown) => {
  assert.ok(error instanceof WardroundError && error.code === 'WR_VERSION')
  assert.deepEqual(error.parameters, { theirs, ours: version })
  return true
}

test('a version further away cannot join, and its token stays good for the right one', async () => {
  const federation = await openFederation(scratch('versions'), {})
  try {
    const { token } = await federation.client.call('createToken', { body: { site: 'north' } })
    const world = { token, clock, entropy, ed25519, disk }
    for (const theirs of ['0.3.0', '1.0.0', '1.1.0']) {
      const folder = scratch('site')
      await assert.rejects(joinNetwork({ ...world, folder, version: theirs }), tooFar(theirs))
      assert.equal(existsSync(join(folder, 'membership.json')), false)
    }
    await joinNetwork({ ...world, folder: scratch('site'), version })
  } finally {
    await federation.close()
  }
})

test('a site that was updated too far stops, and its administrator reads why and what to do', async () => {
  const federation = await openFederation(scratch('versions'), { north: smallTable('north') })
  try {
    const [site] = federation.sites
    assert.ok(site !== undefined)
    const before = readJournal(disk, join(site.folder, 'journal.ndjson')).entries.length
    await assert.rejects(runSite({ ...site.options, version: '0.3.0' }), tooFar('0.3.0'))
    assert.equal(readJournal(disk, join(site.folder, 'journal.ndjson')).entries.length, before)
    const folder = hospital(join(scratch('versions'), 'far'), smallTable('far'))
    const { token } = await federation.client.call('createToken', { body: { site: 'far' } })
    const { code, stderr } = await ran(['site', 'join', token, '--dir', folder], { clock, entropy, version: '0.3.0' })
    assert.equal(code, 6)
    assert.match(
      stderr,
      /^WR_VERSION: Version 0\.3\.0 does not go with 0\.1\.0\.\n {2}One minor version either way works\.\n {2}Next: Bring the older side up to date\./,
    )
  } finally {
    await federation.close()
  }
})
