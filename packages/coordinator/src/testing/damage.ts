/** A study whose blobs lie in a real folder, to be damaged behind the coordinator's back. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstBroken } from '@wardround/core/protocol/chain.ts'
import type { Task } from '@wardround/core/protocol/task.ts'
import { folderBlobs } from '../blobs/fs.ts'
import { testEntropy } from './entropy.ts'
import { honest, type Running, startedStudy, testWorld } from './federation.ts'
import { nothingLeft, nothingMissing } from './needs.ts'
import { asSite, send } from './requests.ts'
import { scratch } from './scratch.ts'
import type { Behaviour } from './site.ts'
import type { PlanChange } from './study.ts'

export const plan: PlanChange = { strategy: { fedAdam: { rate: 0.1 } }, rounds: { maximum: 3 } }

export type Folder = Running & { readonly usual: Behaviour; fileOf(sha256: string): string }

export async function inFolder(change: PlanChange = plan): Promise<Folder> {
  const folder = scratch()
  const running = await startedStudy(
    ['a', 'b'],
    change,
    await testWorld({ blobs: await folderBlobs(folder, testEntropy('seals')) }),
  )
  return {
    ...running,
    usual: honest(running.parsed, { delta: (round, site) => (site === 'a' ? round : -0.5) }),
    fileOf: (digest) => join(folder, 'sha256', digest.slice(0, 2), digest),
  }
}

/** What it comes to if nothing is damaged. */
export async function undisturbed(change: PlanChange = plan): Promise<string> {
  const running = await inFolder(change)
  await running.work(running.usual)
  const { weightsSha256 } = await running.results()
  await running.close()
  return weightsSha256
}

export const damages: Readonly<Record<string, (path: string) => void>> = {
  'a byte turned in its weights': (path) => turn(path, -5),
  'a byte turned in its header': (path) => turn(path, 12),
  'its last byte lost': (path) => truncateSync(path, readFileSync(path).length - 1),
  'nothing left of it': (path) => rmSync(path),
}

export function turn(path: string, at: number): void {
  const bytes = readFileSync(path)
  const index = at < 0 ? bytes.length + at : at
  bytes[index] = (bytes[index] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

/** Lets everybody work until `site` has a task of this kind and round, which it keeps. */
export async function until(
  running: Folder,
  site: string,
  { kind, round }: { kind: Task['kind']; round: number },
): Promise<Task> {
  const isIt = (task: Task): boolean => task.kind === kind && 'round' in task && task.round === round
  await running.work((task, name) => (name === site && isIt(task) ? 'silent' : running.usual(task, name)))
  const task = await running.site(site).next()
  assert.ok(task !== undefined && isIt(task))
  return task
}

/** The bytes that a site gets for the weights of its task. */
export async function fetched(running: Folder, site: string, task: Task) {
  assert.ok('weights' in task)
  return fetchedBlob(running, site, task.weights.sha256)
}

export async function fetchedBlob(running: Folder, site: string, digest: string) {
  const request = { method: 'GET', path: `/v1/site/blobs/${digest}` }
  return send(running.way, { ...request, headers: await asSite(running.site(site).signer)(request) })
}

export async function ended(running: Folder, wanted: string): Promise<void> {
  assert.deepEqual([(await running.results()).outcome, (await running.results()).weightsSha256], ['completed', wanted])
  assert.deepEqual((await running.detail()).lost, [])
  await nothingMissing(running.world.store, running.world.blobs)
  await nothingLeft(running.world.store, running.world.blobs)
  assert.equal(firstBroken(await running.world.store.auditEntries(0, 1000)), undefined)
  await running.close()
}

export async function updateOf(running: Folder, round: number, site: string): Promise<string> {
  const tasks = await running.world.store.tasksOf(running.id, 'train', round)
  return JSON.parse(tasks.find((task) => task.site === site)?.result ?? '').update.sha256
}
