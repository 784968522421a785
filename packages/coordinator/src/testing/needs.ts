/** What must hold of blobs at every moment, and what when nothing is going on: looked up in all rows of all studies, whatever the coordinator thinks. */
import assert from 'node:assert/strict'
import type { BlobStore } from '../blobs/blob-store.ts'
import type { RoundRow, StudyRow, TaskRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/** Nothing that somebody still needs is missing, and the store says that it is needed. */
export async function nothingMissing(store: Store, blobs: BlobStore): Promise<void> {
  for (const row of await store.studies()) {
    const needed = await neededBy(store, row)
    const kept = new Set((await store.blobRefs(row.id)).map(({ sha256 }) => sha256))
    for (const sha256 of needed) assert.ok(kept.has(sha256) && (await blobs.has(sha256)), `${row.id} misses ${sha256}`)
  }
}

/** Nothing is there that nobody needs. */
export async function nothingLeft(store: Store, blobs: BlobStore): Promise<void> {
  const needed = new Set<string>()
  for (const row of await store.studies()) for (const sha256 of await neededBy(store, row)) needed.add(sha256)
  assert.deepEqual((await digestsIn(blobs)).toSorted(), [...needed].toSorted())
  assert.deepEqual(await blobs.staged.list(), [])
}

export async function digestsIn(blobs: Pick<BlobStore, 'list'>): Promise<string[]> {
  const found: string[] = []
  for await (const sha256 of blobs.list()) found.push(sha256)
  return found
}

async function neededBy(store: Store, row: StudyRow): Promise<Set<string>> {
  const [rounds, tasks] = [await store.rounds(row.id), await store.studyTasks(row.id)]
  const texts: (string | null | undefined)[] = [rounds[0]?.weights_in]
  for (const round of rounds) {
    const isLast = round.number === rounds.length
    const over = round.phase === 'completed' || round.phase === 'abandoned'
    const isLatestCompleted =
      round.phase === 'completed' && !rounds.some(({ number, phase }) => number > round.number && phase === 'completed')
    if (round.number === row.best_round) texts.push(round.weights_out)
    if (row.state === 'ended') continue
    if (isLast || isLatestCompleted) texts.push(round.weights_in, round.weights_out)
    if (isLatestCompleted || (isLast && !over)) texts.push(round.strategy_state)
    if (isLast && row.state === 'running') texts.push(...updatesFor(tasks, { row, round, over }))
  }
  // Whoever is asked to work now must find what to work with.
  for (const { state, document } of tasks) if (state === 'open') texts.push(document)
  return new Set(texts.flatMap((text) => digestsOf(text ?? '')))
}

type At = { readonly row: StudyRow; readonly round: RoundRow; readonly over: boolean }

/** Updates that count in the round in progress, or may yet count in it or a later one. */
function updatesFor(tasks: readonly TaskRow[], { row, round, over }: At): (string | null)[] {
  const { rounds, strategy } = JSON.parse(row.plan) as {
    rounds: { late?: { maximum: number } }
    strategy: { fedBuff?: { staleness: { maximum: number } } }
  }
  const latest = (rounds.late ?? strategy.fedBuff?.staleness)?.maximum ?? 0
  const next = over ? round.number + 1 : round.number
  return tasks
    .filter(({ kind, state }) => kind === 'train' && state === 'reported')
    .filter((task) => (task.counted_in === null ? task.round >= next - latest : !over && task.counted_in === next))
    .map(({ result }) => result)
}

const digestsOf = (text: string): string[] =>
  [...text.matchAll(/"sha256":"([0-9a-f]{64})"/g)].map(([, sha256 = '']) => sha256)
