import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Network } from '@wardround/core/ports.ts'
import { holdsHeader, holdsNone } from '@wardround/core/protocol/enclosed.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { blobFetcher } from './blob.ts'
import { createClient } from './client.ts'
import { heldBlob } from './held-blob.ts'
import { realDisk } from './real-disk.ts'
import { fakeCoordinator } from './testing/fake-coordinator.ts'
import { testClock, testEntropy } from './testing/hospital.ts'
import { newKeys } from './testing/keys.ts'

test('what comes with a task is held by its own digest, and said to be; what is none is asked for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-held-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [clock, entropy, keys, held] = [testClock(), testEntropy(), newKeys(), heldBlob()]
  const coordinator = await fakeCoordinator({ clock })
  const { state, blob } = coordinator
  const says: (string | undefined)[] = []
  const network: Network = {
    send(request) {
      says.push(request.headers[holdsHeader])
      return coordinator.network.send(request)
    },
  }
  state.sites.set('szeged', keys.publicKey)
  const identity = { kind: 'site' as const, site: 'szeged', keys, coordinatorKey: coordinator.publicKey }
  const client = createClient({ network, identity, clock, entropy, version: '0.1.0', held })
  const fetcher = blobFetcher({ client, patience: { clock, entropy }, disk: realDisk(), folder }, held)
  /** In ranges of two bytes, of which the first is of one. */
  const fetch = async (ref: BlobRef): Promise<number[]> =>
    Array.from((await fetcher(ref)).ranges(new Uint8Array(2), 1), (bytes) => [...bytes]).flat()
  const [first, second] = [blob(Uint8Array.of(1, 2, 3, 4)), blob(Uint8Array.of(5, 6))]
  state.tasks.push({ id: 't', document: '{}', signature: '' })
  const told = async (enclosed: string): Promise<void> => {
    state.enclosed = enclosed
    await client.call('nextTask', { query: { wait: 0 } })
  }
  await told(Uint8Array.of(5, 6).toBase64())
  // Something else than the task names: it is fetched, and stays when what comes next cannot be read.
  assert.deepEqual([await fetch(first), state.heard.length], [[1, 2, 3, 4], 2])
  await told('not base64 !')
  assert.deepEqual([await fetch(first), state.heard.length], [[1, 2, 3, 4], 3])
  // What came with a task is there.
  assert.deepEqual([await fetch(second), state.heard.length], [[5, 6], 3])
  await told(Uint8Array.of(1, 2, 3, 4).toBase64())
  assert.deepEqual([await fetch(first), state.heard.length], [[1, 2, 3, 4], 4])
  // The name alone does not make it what is asked for.
  await assert.rejects(fetch({ ...second, sizeBytes: 1 }))
  const [a, b] = [first.sha256, second.sha256]
  assert.deepEqual(says.slice(0, 4), [holdsNone, b, a, b])
})
