/** /openapi.json (OpenAPI 3.1), made from the routes, and a page to read it that needs nothing from elsewhere. */
import { errorAnswerSchema, routes } from '@wardround/core/protocol/routes.ts'
import { apiWords } from '@wardround/core/words/en/api.ts'
import { z } from 'zod'

type Json = Record<string, unknown>
type Described = {
  method: string
  path: string
  by: 'anybody' | 'site' | 'account'
  summary: string
  params?: z.ZodType
  query?: z.ZodType
  body?: z.ZodType
  answer: z.ZodType | string
}

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}

const json = (schema: Json): Json => ({ content: { 'application/json': { schema } } })

export function openApiDocument(version: string): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const [name, route] of Object.entries<Described>(routes)) {
    const path = route.path.replaceAll(/:([a-z0-9]+)/gi, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Wardround coordinator',
      version,
      description: apiWords.description(),
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      securitySchemes: {
        account: { type: 'http', scheme: 'bearer', description: apiWords.account() },
        site: { type: 'apiKey', in: 'header', name: 'authorization', description: apiWords.site() },
      },
    },
  }
}

function operation(name: string, route: Described): Json {
  const parameters = [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')]
  return {
    operationId: name,
    summary: route.summary,
    tags: [route.by],
    ...(route.by === 'anybody' ? {} : { security: [{ [route.by]: [] }] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...requestBody(name, route),
    responses: {
      200: { description: apiWords.success(), ...answerOf(route.answer) },
      default: { description: apiWords.failure(), ...json(schemaOf(errorAnswerSchema, 'output')) },
    },
  }
}

function requestBody(name: string, route: Described): Json {
  if (name === 'upload') return { requestBody: { required: true, content: { 'application/octet-stream': {} } } }
  return route.body === undefined ? {} : { requestBody: { required: true, ...json(schemaOf(route.body, 'input')) } }
}

function answerOf(answer: z.ZodType | string): Json {
  if (typeof answer !== 'string') return json(schemaOf(answer, 'output'))
  const type =
    { bytes: 'application/octet-stream', events: 'text/event-stream', text: 'text/plain' }[answer] ?? 'text/plain'
  return { content: { [type]: {} } }
}

function parametersOf(schema: z.ZodType | undefined, place: 'path' | 'query'): Json[] {
  if (!(schema instanceof z.ZodObject)) return []
  return Object.entries(schema.shape).map(([name, part]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: schemaOf(part as z.ZodType, 'output'),
  }))
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (letter) => escapes[letter] ?? letter)

/** A readable page of the API. */
export function apiPage(version: string): string {
  const sections = Object.entries<Described>(routes).map(([name, route]) => {
    const part = (title: string, schema: z.ZodType | undefined, io: 'input' | 'output'): string =>
      schema === undefined
        ? ''
        : `<details><summary>${escaped(title)}</summary><pre>${escaped(JSON.stringify(schemaOf(schema, io), null, 2))}</pre></details>`
    return `<section id="${escaped(name)}"><h2><code>${route.method} ${escaped(route.path)}</code></h2><p>${escaped(route.summary)} <small>${escaped(apiWords.by(route.by))}</small></p>${part(apiWords.query(), route.query, 'input')}${part(apiWords.body(), route.body, 'input')}${part(apiWords.answer(), typeof route.answer === 'string' ? undefined : route.answer, 'output')}</section>`
  })
  const style =
    'body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}pre{overflow:auto;padding:.75rem;border:1px solid #8886}h2{font-size:1rem;margin:2rem 0 0}small{opacity:.7}'
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(apiWords.title(version))}</title><style>${style}</style><h1>${escaped(apiWords.title(version))}</h1><p>${escaped(apiWords.description())} <a href="/openapi.json">/openapi.json</a></p>${sections.join('')}</html>`
}
