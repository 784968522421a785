/** /openapi.json against the OpenAPI 3.1 specification, and the page beside it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { errorAnswerSchema, type RouteName, routes } from '@wardround/core/protocol/routes.ts'
import { z } from 'zod'
import { type TestFederation, testFederation } from './testing/federation.ts'
import { send } from './testing/requests.ts'

let federation: TestFederation
before(async () => {
  federation = await testFederation([])
})
after(() => federation.close())

/** A JSON Schema, 2020-12, as far as these documents go. */
const jsonSchema = z.union([z.boolean(), z.record(z.string(), z.unknown())])
/** Section 4.8.14, Media Type Object */
const content = z.record(z.string().regex(/^[a-z]+\/[a-z-]+$/), z.strictObject({ schema: jsonSchema.optional() }))
/** Section 4.8.10, Operation Object */
const operation = z.strictObject({
  operationId: z.string(),
  summary: z.string().min(1),
  tags: z.array(z.string()),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  parameters: z
    .array(
      z.strictObject({ name: z.string(), in: z.enum(['path', 'query']), required: z.boolean(), schema: jsonSchema }),
    )
    .optional(),
  requestBody: z.strictObject({ required: z.boolean(), content }).optional(),
  responses: z.record(
    z.string().regex(/^([1-5]\d\d|default)$/),
    z.strictObject({ description: z.string().min(1), content }),
  ),
})
/** Section 4.8.1, OpenAPI Object */
const document = z.strictObject({
  openapi: z.string().regex(/^3\.1\.\d+$/),
  info: z.strictObject({
    title: z.string(),
    version: z.string(),
    description: z.string(),
    license: z.strictObject({ name: z.string(), identifier: z.string() }),
  }),
  paths: z.record(z.string().startsWith('/'), z.partialRecord(z.enum(['get', 'post', 'put', 'delete']), operation)),
  components: z.strictObject({
    securitySchemes: z.record(
      z.string(),
      z.discriminatedUnion('type', [
        z.strictObject({ type: z.literal('http'), scheme: z.literal('bearer'), description: z.string() }),
        z.strictObject({
          type: z.literal('apiKey'),
          in: z.literal('header'),
          name: z.string(),
          description: z.string(),
        }),
      ]),
    ),
  }),
})

const fetched = async () => {
  const { status, headers, body } = await send(federation.way, { method: 'GET', path: '/openapi.json' })
  assert.equal(status, 200)
  assert.match(headers['content-type'] ?? '', /^application\/json/)
  return document.parse(JSON.parse(String(body)))
}
const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): unknown => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}
const names = Object.keys(routes) as RouteName[]
type Described = {
  method: string
  path: string
  by: string
  params?: z.ZodType
  query?: z.ZodType
  body?: z.ZodType
  streamed?: true
  answer: z.ZodType | string
}

test('a value of a query that a route cannot do without is said to be required, and no other', async () => {
  const { paths } = await fetched()
  const required = (path: string, method: 'get' | 'put') =>
    (paths[path]?.[method]?.parameters ?? [])
      .filter(({ in: place }) => place === 'query')
      .map((one) => [one.name, one.required])
  assert.deepEqual(required('/v1/site/tasks/{task}/update', 'put'), [
    ['offset', true],
    ['sizeBytes', true],
    ['sha256', true],
    ['wait', false],
  ])
  assert.deepEqual(required('/v1/imports/{sha256}', 'put'), [
    ['offset', true],
    ['sizeBytes', true],
  ])
  assert.deepEqual(required('/v1/site/task', 'get'), [
    ['wait', false],
    ['hindered', false],
  ])
})

test('it is an OpenAPI 3.1 document, of this version', async () => {
  const { info } = await fetched()
  assert.equal(info.version, '0.1.0')
})

test('it has every route, and nothing else', async () => {
  const { paths } = await fetched()
  const found = Object.entries(paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`))
  const wanted = names.map((name) => {
    const { method, path } = routes[name]
    return `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`
  })
  assert.deepEqual(found.toSorted(), wanted.toSorted())
})

for (const name of names)
  test(`${name}: who may call it, with what, and what it answers`, async () => {
    const { paths, components } = await fetched()
    const route: Described = routes[name]
    const found = Object.values(paths)
      .flatMap((item) => Object.values(item))
      .find(({ operationId }) => operationId === name)
    assert.ok(found !== undefined)
    assert.deepEqual(found.security, route.by === 'anybody' ? undefined : [{ [route.by]: [] }])
    if (route.by !== 'anybody') assert.ok(route.by in components.securitySchemes)
    const inPath = [...route.path.matchAll(/:(\w+)/g)].map(([, key]) => key)
    const parameters = found.parameters ?? []
    assert.deepEqual(
      parameters
        .filter((parameter) => parameter.in === 'path')
        .map((parameter) => [parameter.name, parameter.required]),
      inPath.map((key) => [key, true]),
    )
    const query = route.query instanceof z.ZodObject ? Object.keys(route.query.shape) : []
    assert.deepEqual(
      parameters.filter((parameter) => parameter.in === 'query').map((parameter) => parameter.name),
      query,
    )
    const json = { 'application/json': { schema: route.body && schemaOf(route.body, 'input') } }
    const bytes = { 'application/octet-stream': {} }
    const body = route.streamed ? bytes : json
    const hasBody = route.streamed || route.body !== undefined
    assert.deepEqual(found.requestBody, hasBody ? { required: route.streamed !== true, content: body } : undefined)
    const { 200: success, default: failure } = found.responses
    const answer =
      typeof route.answer === 'string'
        ? {
            [{ bytes: 'application/octet-stream', events: 'text/event-stream', text: 'text/plain' }[route.answer] ??
              '']: {},
          }
        : { 'application/json': { schema: schemaOf(route.answer, 'output') } }
    assert.deepEqual(success?.content, answer)
    assert.deepEqual(failure?.content, { 'application/json': { schema: schemaOf(errorAnswerSchema, 'output') } })
  })

test('every reference in it leads somewhere, and every schema says something', async () => {
  const whole = await fetched()
  const text = JSON.stringify(whole)
  for (const [, pointer = ''] of text.matchAll(/"\$ref":"#([^"]*)"/g)) {
    const found = pointer
      .split('/')
      .slice(1)
      .reduce<unknown>(
        (value, key) => Reflect.get(Object(value), key.replaceAll('~1', '/').replaceAll('~0', '~')),
        whole,
      )
    assert.notEqual(found, undefined, pointer)
  }
  // A schema that zod cannot write is written as {}: only what may be anything may be that.
  const event = whole.paths['/v1/events']?.get?.responses['200']?.content['application/json']?.schema
  assert.match(JSON.stringify(event), /"study\.published"/)
})

test('the page of the API shows every route, and needs no network', async () => {
  const { status, headers, body } = await send(federation.way, { method: 'GET', path: '/docs' })
  assert.equal(status, 200)
  assert.match(headers['content-type'] ?? '', /^text\/html; charset=utf-8/)
  // The browser holds it to that.
  assert.match(headers['content-security-policy'] ?? '', /default-src 'none'/)
  const html = String(body)
  for (const name of names) assert.ok(html.includes(`id="${name}"`), name)
  for (const [, target = ''] of html.matchAll(/(?:src|href|action|poster|data)="([^"]*)"/g))
    assert.match(target, /^[#/](?!\/)/, target)
  assert.doesNotMatch(html, /<script|<iframe|<object|<link|@import|url\(|\bon\w+="/i)
})
