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
  streamed?: true
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
    ...requestBody(route),
    responses: {
      200: { description: apiWords.success(), ...answerOf(route.answer) },
      default: { description: apiWords.failure(), ...json(schemaOf(errorAnswerSchema, 'output')) },
    },
  }
}

function requestBody(route: Described): Json {
  // None at all: whoever has sent everything asks for what becomes of it.
  if (route.streamed) return { requestBody: { required: false, content: { 'application/octet-stream': {} } } }
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
    required: place === 'path' || !(part as z.ZodType).safeParse(undefined).success,
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
    const lock = `<small>${escaped(apiWords.by(route.by))}</small>`
    return `<section id="${escaped(name)}"><h2><code><b>${route.method}</b> ${escaped(route.path)}</code></h2><p>${escaped(route.summary)} ${lock}</p>${part(apiWords.query(), route.query, 'input')}${part(apiWords.body(), route.body, 'input')}${part(apiWords.answer(), typeof route.answer === 'string' ? undefined : route.answer, 'output')}</section>`
  })
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(apiWords.title(version))}</title><style>${style}</style><main><h1>${escaped(apiWords.title(version))}</h1><p>${escaped(apiWords.description())} <a href="/openapi.json">/openapi.json</a></p>${sections.join('')}</main></html>`
}

/** Light or dark as the reader's system is; the colours are those of the report. */
const style = `
:root { color-scheme: light dark; --ink: #16212c; --muted: #566370; --paper: #ffffff; --shade: #f4f6f8; --rule: #c3cbd3; --link: #0068a5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ecf1; --muted: #a3b0bc; --paper: #12181f; --shade: #1a222b; --rule: #455361; --link: #5ab8f0; } }
html { background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; -webkit-text-size-adjust: 100%; }
body { max-width: 55rem; margin: 2rem auto 4rem; padding: 0 1.25rem; overflow-wrap: break-word; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; }
section { margin-top: 1.1rem; padding-top: .9rem; border-top: 1px solid var(--rule); }
h2 { margin: 0; font-size: 1rem; }
h2 code { font-weight: 400; }
h2 b { display: inline-block; min-width: 3.2rem; color: var(--link); }
p { margin: .25rem 0; }
a { color: var(--link); }
small { padding: .05rem .4rem; border: 1px solid var(--rule); border-radius: .2rem; color: var(--muted); font-size: .8125rem; white-space: nowrap; }
summary { color: var(--muted); font-size: .875rem; cursor: pointer; }
code, pre { font-family: ui-monospace, "Cascadia Mono", "Liberation Mono", monospace; }
pre { overflow: auto; margin: .4rem 0 .8rem; padding: .75rem 1rem; background: var(--shade); font-size: .8125rem; line-height: 1.45; }
`
