/** A trainer under which some hospitals of a federation lie: the rest of the product does not know. */
import { splitSpecs } from '@wardround/core/graph/network.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { flatten, unflatten } from '@wardround/core/safetensors.ts'
import { subtract, sum32 } from '@wardround/core/vector.ts'
import type { Weights } from '@wardround/core/weights.ts'
import type { Trainer, TrainRequest, TrainResult } from '@wardround/site/training/trainer.ts'
import type { Attack } from './attacks.ts'

export type Hostility = {
  readonly attack: Attack
  readonly attackers: readonly string[]
  /** All who train in a round. */
  readonly sites: readonly string[]
}

/** Training alone, which no figure of this benchmark looks at, is left out. */
export function hostileTrainer(trainer: Trainer, hostility: Hostility | undefined): Trainer {
  const round = honestUpdates(hostility)
  return {
    ...trainer,
    async train(request, options) {
      const [seed = 0, kind, site = '', number = 0] = request.labels
      if (kind !== 'train') return { weights: request.weights, steps: 0, lossPerEpoch: [0] }
      const lies = hostility?.attackers.includes(String(site)) === true
      const data = lies ? (hostility.attack.records?.(request.data) ?? request.data) : request.data
      // What changed is looked at here, too.
      const trained = trainer.train({ ...request, data }, { ...options, handOver: false })
      if (!lies) {
        round.add(
          Number(number),
          trained.then((result) => changeOf(request, result)),
        )
        return trained
      }
      const result = await trained
      if (hostility.attack.update === undefined) return result
      const random = seededRandom([seed, 'attack', site, number])
      const sent = hostility.attack.update(changeOf(request, result), await round.all(Number(number)), random)
      return { ...result, weights: moved(request, result, sent) }
    },
  }
}

/** What honest hospitals change in each round; `all` waits until each of them has trained. */
function honestUpdates(hostility: Hostility | undefined) {
  const expected = (hostility?.sites.length ?? 0) - (hostility?.attackers.length ?? 0)
  const rounds = new Map<number, ReturnType<typeof roundOf>>()
  const of = (number: number) => {
    const known = rounds.get(number) ?? roundOf(expected)
    rounds.set(number, known)
    return known
  }
  return {
    add(number: number, update: Promise<Float32Array>): void {
      of(number).add(update)
      rounds.delete(number - 2)
    },
    all: (number: number) => of(number).all,
  }
}

function roundOf(expected: number) {
  const updates: Promise<Float32Array>[] = []
  const { promise: all, resolve } = Promise.withResolvers<readonly Float32Array[]>()
  return {
    all,
    add(update: Promise<Float32Array>): void {
      updates.push(update)
      if (updates.length < expected) return
      // One that cannot train sends nothing: the attackers go by the others.
      void Promise.allSettled(updates).then((settled) =>
        resolve(settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))),
      )
    },
  }
}

const shared = ({ model, data }: TrainRequest, weights: Weights): Weights => {
  const names = new Set(splitSpecs(model, data.width).shared.map(({ name }) => name))
  return weights.filter(({ name }) => names.has(name))
}

function changeOf(request: TrainRequest, { weights }: TrainResult): Float32Array<ArrayBuffer> {
  const [before, after] = [flatten(shared(request, request.weights)), flatten(shared(request, weights))]
  const change = new Float32Array(after.length)
  subtract(after, before, change)
  return change
}

/** The result with other shared weights; personal ones, which nobody else sees, are as they were trained. */
function moved(request: TrainRequest, { weights }: TrainResult, change: Float32Array): Weights {
  const before = shared(request, request.weights)
  const after = unflatten(before, sum32(flatten(before), change))
  return weights.map((tensor) => after.find(({ name }) => name === tensor.name) ?? tensor)
}
