/** A request as data: what can be changed freely and still be signed, by whomever it says. */

import { pathOf, type RouteName, routes } from '@wardround/core/protocol/routes.ts'
import { type SigningContext, sign } from '@wardround/core/protocol/signing.ts'
import type { Report } from '@wardround/core/protocol/task.ts'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { z } from 'zod'
import {
  type Authorise,
  asAccount,
  asNobody,
  asSite,
  type Request,
  sha256,
} from '../../../../packages/coordinator/src/testing/requests.ts'
import type { RouteWorld } from './world.ts'

const texts = z.record(z.string(), z.unknown()).catch({})

/** Who asks: `forged` signs as site a with another's key, `twice` sends one proof for two requests. */
export const askers = ['nobody', 'account', 'a', 'b', 'z', 'gone', 'forged', 'twice'] as const

const nothing = { as: 'nobody', params: {}, query: {}, headers: {} } as const

/** What is no recipe any more is a request of nobody. */
export const recipeSchema = z
  .object({
    as: z.enum(askers).catch('nobody'),
    params: texts,
    query: texts,
    headers: texts,
    body: z
      .union([
        z.object({ json: z.unknown() }),
        z.object({ text: z.string() }),
        z.object({ base64: z.base64() }),
        z.object({ signed: z.unknown(), purpose: z.string() }),
      ])
      .optional()
      .catch(undefined),
  })
  .catch(nothing)
export type Recipe = z.input<typeof recipeSchema>

/** What stands for something that is known only in one world, or only when the request is made. */
const standIns = ['$weights', '$secret', '$key', '$digest', '$size'] as const
export const recipeWords: readonly string[] = [...askers, ...standIns]

type StandIns = Readonly<Record<string, string>>

const inserted = (value: unknown, standsFor: StandIns): unknown =>
  typeof value === 'string'
    ? (standsFor[value] ?? value)
    : typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inserted(inner, standsFor)]))
      : value

async function bodyOf(
  { body }: z.output<typeof recipeSchema>,
  { federation }: RouteWorld,
  standsFor: StandIns,
): Promise<Uint8Array | string | undefined> {
  if (body === undefined) return undefined
  if ('text' in body) return body.text
  if ('base64' in body) return Uint8Array.fromBase64(body.base64)
  if ('json' in body) return JSON.stringify(inserted(body.json, standsFor)) ?? ''
  const document = typeof body.signed === 'string' ? body.signed : (JSON.stringify(body.signed) ?? '')
  const { keys } = federation.site('a')
  return JSON.stringify({ document, signature: await sign(keys, body.purpose as SigningContext, document) })
}

const textOf = (value: unknown): string =>
  (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined')).toWellFormed()

const pairs = (of: Readonly<Record<string, unknown>>, standsFor: StandIns): [string, string][] =>
  Object.entries(of).map(([key, value]) => [key.toWellFormed(), textOf(inserted(value, standsFor))])

/** Header names and values that no client could send are left out: they never arrive. */
const sendable = ([name, value]: readonly [string, string]): boolean =>
  /^[a-z][a-z0-9-]*$/i.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value) && name !== 'authorization'

export async function requestOf(name: RouteName, given: unknown, world: RouteWorld): Promise<Request> {
  const recipe = recipeSchema.parse(given)
  const { federation, weights, tokenSecret } = world
  const known = {
    $weights: weights,
    $secret: decodeToken('join', tokenSecret).secret,
    $key: federation.site('z').keys.publicKey,
  }
  const body = await bodyOf(recipe, world, known)
  const standsFor = { ...known, $digest: sha256(body ?? ''), $size: String(Buffer.byteLength(body ?? '')) }
  const { method, path } = routes[name]
  const search = new URLSearchParams(pairs(recipe.query, standsFor))
  const request = {
    method,
    path: pathOf(path, Object.fromEntries(pairs(recipe.params, standsFor))) + (search.size === 0 ? '' : `?${search}`),
    headers: Object.fromEntries(pairs(recipe.headers, standsFor).filter(sendable)),
    // GET with a body is no request that Node's own client would send.
    ...(body === undefined || method === 'GET' ? {} : { body }),
  }
  return { ...request, headers: { ...request.headers, ...(await authorise(recipe.as, world)(request)) } }
}

function authorise(as: (typeof askers)[number], { federation }: RouteWorld): Authorise {
  switch (as) {
    case 'nobody':
      return asNobody
    case 'account':
      return asAccount(federation.secret)
    case 'forged':
      return asSite({ ...federation.site('a').signer, keys: federation.site('z').keys })
    case 'twice':
      return asSite(federation.site('a').signer)
    default:
      return asSite(federation.site(as).signer)
  }
}

/** For reports in recipes: their type is held here, and lost nowhere but in JSON. */
export const reporting = (report: Report): { json: Report } => ({ json: report })
