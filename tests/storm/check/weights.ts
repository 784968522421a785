/**
 * The weights of every round are those that a direct computation gives, in memory and at once, from the updates that the round's records name; and
 * these are what their sites learn from the weights that their tasks name.
 */
import { createHash } from 'node:crypto'
import type { RoundRow, TaskRow } from '@wardround/coordinator/store/schema.ts'
import { splitSpecs } from '@wardround/core/graph/network.ts'
import { collectingOf, stalenessFactor } from '@wardround/core/learning/collecting.ts'
import { initialState, type StrategyState, step, type Update } from '@wardround/core/learning/process.ts'
import { strategyOf } from '@wardround/core/learning/strategies.ts'
import { inputWidth, preparationSchema } from '@wardround/core/preparation/schema.ts'
import { blobRefSchema, taskResultSchema } from '@wardround/core/protocol/task.ts'
import { decodeWeights, encodeWeights, flatten, unflatten } from '@wardround/core/safetensors.ts'
import type { TensorSpec, Weights } from '@wardround/core/weights.ts'
import { learn } from '../trainer.ts'
import { type Check, must, type Seen } from './check.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const refOf = (json: string | null) => blobRefSchema.parse(JSON.parse(json ?? 'null'))

/** `trainingRows`: how many records each site trains on. */
export function weightsAreTheReference(trainingRows: (site: string) => number): Check {
  /** The round → the strategy's state after it. */
  const states = new Map<number, StrategyState>()
  /** What each round starts from: a late update may count when nobody needs that any more, and it is gone. */
  const starts = new Map<number, Weights>()
  let before = 0
  return async (seen) => {
    for (const { number, weights_in } of seen.rounds)
      if (!starts.has(number)) starts.set(number, await weightsIn(seen, weights_in))
    for (const round of seen.rounds) {
      if (states.has(round.number) || round.weights_out === null) continue
      const specs = specsOf(seen)
      requireChained(seen.rounds, round)
      const updates: Update[] = []
      for (const task of seen.tasks)
        if (task.counted_in === round.number)
          updates.push(await updateOf(seen, { task, round, specs, trainingRows, global: starts.get(task.round) ?? [] }))
      const strategy = strategyOf(seen.parsed.study.strategy)
      const weights = flatten(starts.get(round.number) ?? [])
      const cohort = (JSON.parse(round.cohort) as string[]).length
      const state = states.get(before) ?? initialState(strategy, weights.length)
      const stepped = step(strategy, { weights, updates, cohort }, state)
      const expected = sha256(encodeWeights(unflatten(specs, stepped.result)))
      const found = refOf(round.weights_out).sha256
      must(found === expected, 'weights', () => `round ${round.number} has ${found}, the reference is ${expected}`)
      states.set(round.number, stepped.state)
      before = round.number
    }
  }
}

/** Each round starts from the weights of the one before. */
function requireChained(rounds: readonly RoundRow[], { number, weights_in }: RoundRow): void {
  const previous = rounds[number - 2]
  must(
    number === 1 || previous?.weights_out === weights_in,
    'weights',
    () => `round ${number} starts from other weights`,
  )
}

const specsOf = ({ study, parsed }: Seen): readonly TensorSpec[] =>
  splitSpecs(parsed.study.model, inputWidth(preparationSchema.parse(JSON.parse(study.preparation ?? 'null')))).shared

const weightsIn = async (seen: Seen, ref: string): Promise<Weights> =>
  decodeWeights(await seen.blobs.read(refOf(ref).sha256), specsOf(seen))

type Counting = {
  readonly task: TaskRow
  readonly round: RoundRow
  readonly specs: readonly TensorSpec[]
  readonly trainingRows: (site: string) => number
  /** What the task was trained from. */
  readonly global: Weights
}

async function updateOf(seen: Seen, { task, round, specs, trainingRows, global }: Counting): Promise<Update> {
  const { site } = task
  const result = taskResultSchema.parse(JSON.parse(task.result ?? 'null'))
  must(result.kind === 'train', 'weights', () => `${task.id} has no update`)
  must(result.numExamples === trainingRows(site), 'weights', () => `${task.id} says ${result.numExamples} records`)
  const sent = flatten(decodeWeights(await seen.blobs.read(result.update.sha256), specs))
  const start = flatten(global)
  const learned = flatten(learn(global, [seen.parsed.study.seed, 'train', site, task.round]))
  const expected = learned.map((value, index) => Math.fround(value - (start[index] ?? 0)))
  must(sha256(bytesOf(sent)) === sha256(bytesOf(expected)), 'weights', () => `${task.id} is not what ${site} learned`)
  const factor = stalenessFactor(collectingOf(seen.parsed.study), round.number - task.round)
  const delta = factor === 1 ? sent : sent.map((value) => factor * value)
  const { numExamples, numSteps = 1, measurements } = result
  return { site, numExamples, numSteps, measurements, delta }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array<ArrayBuffer>): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
