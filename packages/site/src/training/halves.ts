/** A step in halves on the runtime: the first one whole, then each large tensor's next rows in the place of those before. */
import type { Halves } from '@wardround/core/graph/divided-step.ts'
import type { Device } from './device.ts'
import type { Feeds } from './feeds.ts'
import { openUpdates, type RangeSize, runUpdate, type UpdateSession } from './ranges.ts'
import { floats, floatsIn, openSession, type Session } from './session.ts'

export type OpenHalves = {
  readonly halves: Halves
  /** Undefined where the first half is nothing: all is large, and its gradients are given. */
  readonly session: Session | undefined
  readonly updates: readonly UpdateSession[]
}

export async function openHalves(halves: Halves, device: Device | undefined): Promise<OpenHalves> {
  const isEmpty = halves.graph.outputs.length === 0
  return {
    halves,
    session: isEmpty ? undefined : await openSession(halves.graph, { amount: 'all', ...(device && { device }) }),
    updates: await openUpdates(halves.updates),
  }
}

/** Changes large carried tensors in place. What the first half comes to, and what is carried on. */
export async function runHalves(
  { halves: { graph, next }, session, updates }: OpenHalves,
  { known, carried, range }: { readonly known: Feeds; readonly carried: Feeds; readonly range: RangeSize },
): Promise<{ readonly made: Feeds; readonly carried: Feeds }> {
  const all: Feeds = { ...known, ...carried }
  const feeds = graph.inputs.map(({ name }) => [name, all[name] ?? missing(name)] as const)
  const outputs = (await session?.run(Object.fromEntries(feeds))) ?? {}
  const made = Object.fromEntries(
    graph.outputs.map(({ name, shape }) => [name, floats(floatsIn(outputs[name]), shape.map(Number))]),
  )
  for (const update of updates) await runUpdate(update, { ...all, ...made }, range)
  const changed = [...next].map(([name, of]) => [name, made[of] ?? missing(of)] as const)
  return { made, carried: { ...carried, ...Object.fromEntries(changed) } }
}

export const missing = (name: string): never => {
  throw new TypeError(`there is no ${name}`)
}
