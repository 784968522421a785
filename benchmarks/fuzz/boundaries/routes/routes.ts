/** Every route of the coordinator (packages/core/src/protocol/routes.ts): whatever is asked by whomever, an answer as promised or a coded refusal. */
import { type ErrorCode, isErrorCode, registry } from '@wardround/core/errors.ts'
import { errorAnswerSchema, type RouteName, routes } from '@wardround/core/protocol/routes.ts'
import { seededRandom } from '@wardround/core/random.ts'
import fc from 'fast-check'
import type { z } from 'zod'
import { closed } from '../../../../packages/coordinator/src/testing/closed.ts'
import { type Request, type Response, send } from '../../../../packages/coordinator/src/testing/requests.ts'
import { type Boundary, type Bytes, bytesOf, type Mutator, type Outcome, type Session } from '../../boundary.ts'
import { byteMutators } from '../../mutate/bytes.ts'
import { changedJson, jsonMutator } from '../../mutate/json.ts'
import { pick } from '../../mutate/numbers.ts'
import { examplesOf } from './examples.ts'
import { askers, recipeSchema, recipeWords, requestOf } from './recipe.ts'
import { openTasks, openWorld, type RouteWorld, studyIds } from './world.ts'

const write = (recipe: unknown): Bytes => bytesOf(JSON.stringify(recipe) ?? '')

/** Who asks stays as it was: hardly anything of what others ask is looked at. */
const anywhere: Mutator = (input, random, beside) => {
  const { as, ...rest } = recipeSchema.parse(tryRead(input))
  return jsonMutator(
    () => rest,
    (changed) => write({ ...Object(changed), as }),
  )(input, random, beside)
}
/** Somebody else asks. */
const asker: Mutator = (input, random) => write({ ...recipeSchema.parse(tryRead(input)), as: pick(random, askers) })
/** The body's own bytes are changed, and signed as they are. */
const body: Mutator = (input, random, beside) => {
  const data = recipeSchema.parse(tryRead(input))
  if (data.body === undefined || 'signed' in data.body) return input
  const own = 'base64' in data.body ? data.body.base64 : undefined
  const text = 'text' in data.body ? data.body.text : 'json' in data.body ? JSON.stringify(data.body.json) : ''
  const bytes = own === undefined ? bytesOf(text ?? '') : Uint8Array.fromBase64(own)
  const changed = pick(random, byteMutators)(bytes, random, beside)
  return write({ ...data, body: { base64: changed.toBase64() } })
}

function tryRead(input: Bytes): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(input))
  } catch {
    // It is no recipe any more.
    return undefined
  }
}

/** What a peer may be told, but no fault of the coordinator's. */
const codes = Object.entries(registry).flatMap(([code, { status, exposure }]) =>
  status < 500 && exposure === 'peer' && isErrorCode(code) ? [code] : [],
)

const ids = [...Object.values(openTasks).flat(), ...Object.values(studyIds).flat()]

const boundaryOf = (name: RouteName): Boundary => ({
  name: `routes/${name}`,
  codes,
  seeds: examplesOf(name).map(write),
  documents: fc.tuple(fc.nat(), fc.nat(5)).map(([seed, changes]) => {
    const random = seededRandom(['recipe', seed])
    const example = pick(random, examplesOf(name))
    const { as } = example
    let recipe: unknown = structuredClone(example)
    for (let change = 0; change < changes; change++) recipe = { ...Object(changedJson(recipe, random, ids)), as }
    return write(recipe)
  }),
  mutators: [anywhere, anywhere, anywhere, anywhere, anywhere, body, body, body, body, asker],
  onlyThese: true,
  words: [...recipeWords, ...ids, 'wardround-version', 'range', 'last-event-id', 'bytes=1-'],
  sources: /packages\/(?:core|coordinator)\/src\/(?!.*testing)/,
  inputsPerSession: 1000,
  async open() {
    return session(name, await openWorld())
  },
})

function session(name: RouteName, world: RouteWorld): Session {
  const { federation } = world
  return {
    async take(input) {
      const recipe = tryRead(input)
      const request = await requestOf(name, recipe, world)
      if (recipeSchema.parse(recipe).as === 'twice') await answered(world, request, name)
      await federation.coordinator.idle()
      const before = { writes: world.writes(), events: await federation.world.store.lastSequence() }
      const outcome = judged(name, request, await answered(world, request, name))
      await federation.coordinator.idle()
      if (outcome !== 'accepted' && world.writes() > before.writes) await requireRecorded(world, before.events, outcome)
      const fault = federation.lines.find(({ level }) => level === 'error')
      if (fault !== undefined) throw new Error(`the log says: ${JSON.stringify(fault)}`)
      return outcome
    },
    // Sequences without a gap, an audit that holds, and a coordinator that starts anew finds nothing left to do.
    close: () => closed(federation),
  }
}

/** A stream does not end by itself: its head is its answer. */
async function answered({ federation }: RouteWorld, request: Request, name: RouteName): Promise<Response> {
  if (routes[name].answer !== 'events') return send(federation.way, request)
  const { method, path, headers = {} } = request
  const response = await federation.coordinator.app.inject({
    method: method as 'GET',
    url: path,
    headers: { ...headers },
    payloadAsStream: true,
  })
  const stream = response.stream()
  const chunks: Uint8Array[] = []
  const type = String(response.headers['content-type'])
  if (type.startsWith('application/json')) for await (const chunk of stream) chunks.push(chunk as Uint8Array)
  stream.destroy()
  return { status: response.statusCode, headers: { 'content-type': type }, body: Buffer.concat(chunks) }
}

function judged(name: RouteName, request: Request, { status, headers, body: content }: Response): Outcome {
  const text = content.toString('utf8')
  const said = `${request.method} ${request.path.slice(0, 300)}: ${status} ${text.slice(0, 500)}`
  if (status >= 500) throw new Error(said)
  if (status < 400) {
    const answer: z.ZodType | string = routes[name].answer
    if (typeof answer !== 'string' && !answer.safeParse(JSON.parse(text)).success)
      throw new Error(`not as promised: ${said}`)
    return 'accepted'
  }
  if (!/^application\/json/.test(headers['content-type'] ?? '')) throw new Error(`not of the error form: ${said}`)
  const { error } = errorAnswerSchema.parse(JSON.parse(text))
  if (/\.ts:\d|node_modules|\n {4}at /.test(text)) throw new Error(`tells of its inside: ${said}`)
  if (!isErrorCode(error.code) || registry[error.code].status !== status) throw new Error(`no code of ours: ${said}`)
  return error.code
}

/** What is refused changes nothing, but that an unfit result is its task's failure: recorded under the code that the site was told. */
async function requireRecorded({ federation }: RouteWorld, after: number, code: ErrorCode): Promise<void> {
  const events = await federation.world.store.events({ after, limit: 100 })
  if (!events.some(({ kind, payload }) => kind === 'task.failed' && payload.code === code))
    throw new Error(`refused with ${code}, and yet something was written: ${JSON.stringify(events).slice(0, 500)}`)
}

export const routeBoundaries: readonly Boundary[] = (Object.keys(routes) as RouteName[]).map(boundaryOf)
