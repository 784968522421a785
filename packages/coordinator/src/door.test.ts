/** What a site says of its update: checked at the door, and what the strategy makes of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeUpdate, type UpdateFacts } from '@wardround/core/protocol/update.ts'
import { unflatten } from '@wardround/core/safetensors.ts'
import { closed } from './testing/closed.ts'
import { coded } from './testing/errors.ts'
import { except, honest, type Running, startedStudy } from './testing/federation.ts'
import { firstWeights, specsOf } from './testing/study.ts'

type Said = { readonly change: number; readonly facts: Partial<UpdateFacts> }

/** Twenty records in batches of 8, once: three steps. */
const records = { numExamples: 20, measurements: {} }

const updateOf = ({ parsed }: Pick<Running, 'parsed'>, { change, facts }: Said) => ({
  update: encodeUpdate(unflatten(specsOf(parsed), new Float32Array(7).fill(change)), { ...records, ...facts }),
})

/** What the first weight has changed by after one round. */
async function changed(strategy: object, said: Readonly<Record<string, Said>>): Promise<number> {
  const running = await startedStudy(Object.keys(said), { strategy, rounds: { maximum: 1 } })
  await running.work(
    except(honest(running.parsed), (task, site) => {
      const own = said[site]
      return task.kind === 'train' && own !== undefined ? updateOf(running, own) : undefined
    }),
  )
  const after = await running.weightsOf((await running.rounds())[0]?.weights_out ?? null)
  await closed(running)
  return (after[0] ?? Number.NaN) - (firstWeights(running.parsed)[0] ?? Number.NaN)
}
/** Weights are Float32. */
const near = (found: number, wanted: number): void =>
  assert.ok(Math.abs(found - wanted) <= 1e-6 * Math.abs(wanted), `${found} and ${wanted}`)

async function refused(strategy: object, facts: Partial<UpdateFacts>): Promise<void> {
  const running = await startedStudy(['a'], { strategy })
  await running.work(except(honest(running.parsed), ({ kind }) => (kind === 'train' ? 'silent' : undefined)))
  const site = running.site('a')
  const task = await site.next()
  assert.ok(task?.kind === 'train')
  await assert.rejects(site.perform(task, updateOf(running, { change: 1, facts })), coded('WR_WEIGHTS_INVALID'))
  await closed(running)
}

test('the steps that a site says reach the strategy; a site that says none took those of the plan', async () => {
  // τ = 3, 1, p = ½: τ_eff = 2, and 2·(½·1/3 + ½·4/1).
  const said = { a: { change: 1, facts: {} }, b: { change: 4, facts: { numSteps: 1 } } }
  near(await changed({ fedNova: {} }, said), 13 / 3)
  near(await changed({ fedAvg: {} }, said), 2.5)
})

test('more steps than the plan asks for of so many records are refused', async () => {
  await refused({ fedNova: {} }, { numSteps: 4 })
  await refused({ fedAvg: {} }, { numSteps: 4 })
  await refused({ fedNova: {} }, { numSteps: 3, numExamples: 16 })
})

test('the loss before training reaches a strategy that asks for it, and must be said to it', async () => {
  const lossBefore = (loss: number) => ({ measurements: { lossBefore: loss } })
  // q = 1, L = 1, ‖Δ‖² of seven weights: (1·1 + 3·2) / ((7·1 + 1) + (7·4 + 3)).
  const said = { a: { change: 1, facts: lossBefore(1) }, b: { change: 2, facts: lossBefore(3) } }
  near(await changed({ qFedAvg: { q: 1, lipschitz: 1 } }, said), 7 / 39)
  await refused({ qFedAvg: { q: 1, lipschitz: 1 } }, {})
  await refused({ qFedAvg: { q: 1, lipschitz: 1 } }, lossBefore(-0.1))
})
