/** What a coordinator signs, at a site's door: tasks, and offers of studies (packages/site/src/task.ts, packages/site/src/approvals.ts). */
import { type ErrorCode, isErrorCode } from '@wardround/core/errors.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import { type SigningContext, sign } from '@wardround/core/protocol/signing.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { offeredStudies } from '@wardround/site/approvals.ts'
import { runTask } from '@wardround/site/task.ts'
import fc from 'fast-check'
import { hospital, testPlan } from '../../../packages/site/src/testing/hospital.ts'
import { type Boundary, type Bytes, bytesOf, type Outcome } from '../boundary.ts'
import { changedJson, jsonMutator } from '../mutate/json.ts'

const inside = jsonMutator(
  (input) => JSON.parse(new TextDecoder().decode(input)),
  (value) => bytesOf(JSON.stringify(value) ?? ''),
)
const around = (documents: readonly unknown[]): fc.Arbitrary<Bytes> =>
  fc.tuple(fc.constantFrom(...documents), fc.nat(), fc.nat(4)).map(([document, seed, changes]) => {
    const random = seededRandom(['signed', seed])
    let changed = structuredClone(document)
    for (let change = 0; change < changes; change++) changed = changedJson(changed, random)
    return bytesOf(JSON.stringify(changed) ?? '')
  })

/** The same at every hospital of the tests, so that its documents are known before it is there. */
const { study, plan, planHash } = validatePlan(testPlan)
const id = `${study.name}-${planHash.slice(0, 8)}`
const sample = await hospital()
/** Good for long: the site's clock goes on by half a minute whenever nobody can be told of a refusal. */
const tasks = [sample.tasks.prepare(), sample.tasks.train(), sample.tasks.evaluate(), sample.tasks.finish()].map(
  (document) => ({ ...document, expiresAt: document.issuedAt * 2 }),
)
sample.remove()

/** What stands in the journal about a task that was not done. */
const refusals: readonly ErrorCode[] = [
  ...(['WR_BODY_INVALID', 'WR_TASK_FOREIGN', 'WR_TASK_EXPIRED', 'WR_NOT_APPROVED', 'WR_PLAN_ALTERED'] as const),
  ...([
    'WR_ROUND_REPLAYED',
    'WR_WEIGHTS_INVALID',
    'WR_WEIGHTS_SHAPE',
    'WR_BLOB_MISSING',
    'WR_DIGEST_MISMATCH',
    // Weights of more bytes than the model takes are not begun with.
    'WR_BODY_TOO_LARGE',
  ] as const),
  // The last: what the coordinator answers to the result of a task that it never gave.
  ...(['WR_EGRESS_REFUSED', 'WR_COHORT_TOO_SMALL', 'WR_NOT_FOUND'] as const),
]

async function openHospital() {
  const at = await hospital()
  await at.say('approved')
  return at
}

const signing = (context: SigningContext, at: Awaited<ReturnType<typeof hospital>>) => async (input: Bytes) => {
  const document = new TextDecoder().decode(input)
  return { document, signature: await sign(at.coordinator.state.keys, context, document) }
}

/** Done, or refused and written down. */
export const task: Boundary = {
  name: 'task',
  codes: refusals,
  seeds: tasks.map((document) => bytesOf(JSON.stringify(document))),
  documents: around(tasks),
  mutators: [inside],
  words: [id, planHash, 'budapest', '"prepare"', '"train"', '"evaluate"', '"finish"'],
  sources: /packages\/site\/src\/(?!.*testing)|packages\/core\/src\/protocol\/task\.ts/,
  // The journal grows, and rounds that were done are not done again.
  inputsPerSession: 300,
  async open() {
    const at = await openHospital()
    for (const given of tasks) await at.coordinator.give(given)
    const site = await at.open()
    let code: string | undefined
    const journal: typeof site.journal = {
      ...site.journal,
      write(kind, body) {
        if ('code' in body) code = body.code
        site.journal.write(kind, body)
      },
    }
    const signed = signing('wardround-task-v1', at)
    return {
      async take(input): Promise<Outcome> {
        code = undefined
        await runTask({ ...site, journal }, await signed(input))
        if (code === undefined) return 'accepted'
        if (!isErrorCode(code)) throw new Error(`the journal says ${code}`)
        return code
      },
      async close() {
        await site.close()
        at.remove()
      },
    }
  },
}

export const offer: Boundary = {
  name: 'offer',
  codes: ['WR_BODY_INVALID', 'WR_PLAN_ALTERED', 'WR_STUDY_INVALID'],
  seeds: [bytesOf(JSON.stringify({ version: 1, study: id, planHash, plan }))],
  documents: around([{ version: 1, study: id, planHash, plan }]),
  mutators: [inside],
  words: [id, planHash],
  sources: /packages\/site\/src\/approvals\.ts|packages\/core\/src\/(?:protocol\/plan|study\/)/,
  async open() {
    const at = await hospital()
    const site = await at.open()
    const signed = signing('wardround-offer-v1', at)
    const { offers } = at.coordinator.state
    return {
      async take(input): Promise<Outcome> {
        offers.splice(0, offers.length, await signed(input))
        const [shown] = await offeredStudies(site)
        if (shown === undefined) throw new Error('An offer was left out in silence.')
        return 'accepted'
      },
      async close() {
        await site.close()
        at.remove()
      },
    }
  },
}
