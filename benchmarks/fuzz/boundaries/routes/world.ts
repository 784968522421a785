/** A coordinator with studies in every state, for whoever sends it something. Names of studies and tasks are the same each time. */
import type { Store } from '@wardround/coordinator/store/store.ts'
import { plannedModel } from '@wardround/core/graph/import/planned.ts'
import { smallFile } from '@wardround/core/graph/testing/small-file.ts'
import { type ParsedStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import { type TaskKind, taskSchema } from '@wardround/core/protocol/task.ts'
import { encodeWeights } from '@wardround/core/safetensors.ts'
import { type TestClock, testClock, turn } from '../../../../packages/coordinator/src/testing/clock.ts'
import {
  except,
  honest,
  type TestFederation,
  testFederation,
  testWorld,
} from '../../../../packages/coordinator/src/testing/federation.ts'
import { sha256 } from '../../../../packages/coordinator/src/testing/requests.ts'
import { parsedPlan, smallPlan, studyIdOf, survey } from '../../../../packages/coordinator/src/testing/study.ts'

/** Who waits for an answer has waited at once; deadlines of studies do not come. */
function hastyClock(): TestClock {
  const clock = testClock()
  const sleep: TestClock['sleep'] = async (delayMs, signal) => {
    if (delayMs > 30_000) return clock.sleep(delayMs, signal)
    await turn()
    if (!signal?.aborted) await clock.pass(delayMs)
  }
  return { ...clock, sleep }
}

/** The studies by what they have come to. Some of those whose tasks are used up by an input are there more than once. */
const several = (name: string): ParsedStudy[] =>
  Array.from({ length: 2 }, (_, index) => parsedPlan({ name: `${name}-${index}` }))
const waiting = {
  prepare: several('preparing'),
  train: several('training'),
  evaluate: several('evaluating'),
  finish: several('finishing').map(({ study }) => parsedPlan({ name: study.name, rounds: { maximum: 1 } })),
} as const satisfies Record<TaskKind, readonly ParsedStudy[]>
const published = parsedPlan({ name: 'published' })
const ended = parsedPlan({ name: 'ended', rounds: { maximum: 1 } })
const blocked = parsedPlan({ name: 'blocked' })
const fromFile = plannedModel(smallFile())
/** The first weights of the study whose model is from a file; nobody has handed them in. */
export const firstWeights = encodeWeights(fromFile.weights)
const onnx = { graph: fromFile.graph, weights: { sha256: sha256(firstWeights), sizeBytes: firstWeights.length } }
const imported = validatePlan({ ...smallPlan({ name: 'imported' }), model: { onnx } })

export const studyIds = {
  prepare: waiting.prepare.map(studyIdOf),
  train: waiting.train.map(studyIdOf),
  evaluate: waiting.evaluate.map(studyIdOf),
  finish: waiting.finish.map(studyIdOf),
  published: studyIdOf(published),
  ended: studyIdOf(ended),
  blocked: studyIdOf(blocked),
  imported: studyIdOf(imported),
} as const
export const trained: ParsedStudy = waiting.train[0] ?? published
export const publishedPlanHash = published.planHash

/** Open tasks of site a, by kind. */
export const openTasks: Readonly<Record<TaskKind, readonly string[]>> = {
  prepare: studyIds.prepare.map((id) => `${id}-prepare-1-a`),
  train: studyIds.train.map((id) => `${id}-train-1-a`),
  evaluate: studyIds.evaluate.map((id) => `${id}-evaluate-1-a`),
  finish: studyIds.finish.map((id) => `${id}-finish-1-a`),
}

export type RouteWorld = {
  readonly federation: TestFederation
  /** SHA-256 of weights that it has. */
  readonly weights: string
  /** A join token's secret that nobody has used, for the site `new`. */
  readonly tokenSecret: string
  /** How often something was written into its store. */
  readonly writes: () => number
}

/** Sites: a and b work, z has nothing to do, gone has left. */
export async function openWorld(): Promise<RouteWorld> {
  const plain = await testWorld({ clock: hastyClock() })
  const counted = counting(plain.store)
  const federation = await testFederation(['a', 'b', 'z', 'gone'], { ...plain, store: counted.store })
  const workers = [federation.site('a'), federation.site('b')]
  for (const [kind, studies] of Object.entries(waiting) as [TaskKind, readonly ParsedStudy[]][])
    for (const parsed of studies) {
      const id = await federation.publish(parsed, workers)
      await federation.start(id)
      await bringTo(federation, parsed, (task) => (task.kind === kind ? 'silent' : undefined))
    }
  await federation.start(await federation.publish(ended, workers))
  await bringTo(federation, ended)
  await federation.start(await federation.publish(blocked, workers))
  await bringTo(federation, blocked, () => ({ report: { kind: 'prepare', survey: survey([finding]) } }))
  await federation.publish(published, workers)
  await federation.publish(imported)
  await federation.site('gone').call('leave', { body: {} })
  const { token } = await federation.account('createToken', { body: { site: 'new' } })
  const [round] = await plain.store.rounds(studyIds.ended)
  return {
    federation,
    weights: (JSON.parse(round?.weights_in ?? '{}') as { sha256: string }).sha256,
    tokenSecret: token,
    writes: counted.writes,
  }
}

const finding = { code: 'constant', severity: 'error', column: 'age' } as const

/** The sites do what they are asked for in a study, and what `other` says where it says something, until one of them is silent. */
async function bringTo(
  { world, site, coordinator }: TestFederation,
  parsed: ParsedStudy,
  other: Parameters<typeof except>[1] = () => undefined,
): Promise<void> {
  const behaviour = except(honest(parsed), other)
  for (;;) {
    const open = (await world.store.studyTasks(studyIdOf(parsed))).filter(({ state }) => state === 'open')
    const tasks = open.map(({ document }) => taskSchema.parse(JSON.parse(document)))
    const acts = tasks.map((task) => ({ task, act: behaviour(task, task.site) }))
    if (acts.length === 0 || acts.some(({ act }) => act === 'silent')) return
    for (const { task, act } of acts) await site(task.site).perform(task, act)
    await coordinator.idle()
  }
}

const writer = /^(?:put|update|add|use|settle|event|audit$)/

/** A store that counts what was written and not undone. */
function counting(store: Store): { store: Store; writes: () => number } {
  let writes = 0
  const watched = <T extends object>(tables: T, wrote: () => void): T =>
    new Proxy(tables, {
      get(target, name, receiver) {
        if (typeof name === 'string' && writer.test(name)) wrote()
        return Reflect.get(target, name, receiver) as unknown
      },
    })
  const transaction: Store['transaction'] = async (work) => {
    let own = 0
    const done = await store.transaction((tables) =>
      work(
        watched(tables, () => {
          own += 1
        }),
      ),
    )
    writes += own
    return done
  }
  return {
    store: watched({ ...store, transaction }, () => {
      writes += 1
    }),
    writes: () => writes,
  }
}
