/** A disk that takes nothing for a while, from any write on: the site waits, loses nothing, and sends nothing that is not written down. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Disk } from '@wardround/core/ports.ts'
import type { TaskResult } from '@wardround/core/protocol/task.ts'
import { runSite } from './agent.ts'
import { readJournal } from './journal.ts'
import { type Hospital, hospital } from './testing/hospital.ts'

/** So many writes in a row fail. */
const failures = 4

/** A disk on which writes fail, from the `from`-th on, with what the operating system says. */
function failingDisk(disk: Disk, { from, code }: { from: number; code: string }): Disk & { writes: () => number } {
  let writes = 0
  const change =
    <A extends unknown[], R>(work: (...given: A) => R) =>
    (...given: A): R => {
      writes += 1
      if (writes >= from && writes < from + failures) throw Object.assign(new Error(`${code}: no`), { code })
      return work(...given)
    }
  return {
    ...disk,
    write: change(disk.write),
    append: change(disk.append),
    truncate: change(disk.truncate),
    rename: change(disk.rename),
    remove: change(disk.remove),
    makeFolder: change(disk.makeFolder),
    syncFolder: change(disk.syncFolder),
    writes: () => writes,
  }
}

/** Three tasks done by a running site; what the coordinator got, and the site's sayings. */
async function worked(failing: { from: number; code: string }) {
  const made: Hospital = await hospital()
  await made.say('approved')
  const disk = failingDisk(made.options.disk, failing)
  const stop = new AbortController()
  const { tasks, coordinator } = made
  for (const task of [tasks.prepare(), tasks.train(), tasks.evaluate()]) await coordinator.give(task)
  const running = runSite({ ...made.options, disk, signal: stop.signal })
  const done = async (): Promise<void> => {
    while (coordinator.state.results.size < 3) await new Promise((resume) => setImmediate(resume))
  }
  await Promise.race([done(), running.then(() => assert.fail('the site ended'))])
  stop.abort()
  await running
  const journal = readJournal(made.options.disk, join(made.folder, 'journal.ndjson'))
  assert.equal(journal.broken, undefined)
  // As often as it was heard it was written down before, at the least.
  const recorded = journal.entries.flatMap(({ kind, body }) =>
    kind === 'released' ? [`${body.method} ${body.path}`] : [],
  )
  for (const { method, path, sizeBytes } of coordinator.state.heard) {
    const at = recorded.indexOf(`${method} ${path}`)
    if (sizeBytes > 0) assert.ok(at >= 0, `${method} ${path} is not in the journal`)
    if (sizeBytes > 0) recorded.splice(at, 1)
  }
  const results = new Map<string, TaskResult>(coordinator.state.results)
  made.remove()
  return { results, said: made.said, heard: coordinator.state.heard, writes: disk.writes() }
}

for (const code of ['ENOSPC', 'EROFS'])
  test(`${code} at any write of three tasks: waited for, and the same results`, { timeout: 120_000 }, async () => {
    const undisturbed = await worked({ from: Number.POSITIVE_INFINITY, code })
    assert.ok(undisturbed.writes > 10)
    for (let from = 1; from <= undisturbed.writes; from++) {
      const { results, said, heard } = await worked({ from, code })
      assert.deepEqual(results, undisturbed.results, `from write ${from}`)
      if (from + failures > undisturbed.writes) continue
      assert.ok(
        said.some((line) => /^warn: waiting: .* cannot be written/.test(line)),
        `from write ${from}: ${said.join(' | ')}`,
      )
      assert.ok(said.includes('info: working again'))
      assert.ok(heard.some(({ path }) => path.includes('hindered=disk')))
    }
  })
