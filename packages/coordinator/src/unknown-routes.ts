/** Which paths there are, and which methods each answers: another one is refused as such (RFC 9110, section 15.5.6), before its body is taken in. */
import { WardroundError } from '@wardround/core/errors.ts'
import type { FastifyInstance } from 'fastify'

/** To be called before the routes are. */
export function refuseUnknownRoutes(app: FastifyInstance): void {
  const known: { readonly method: string; readonly path: RegExp }[] = []
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) known.push({ method: one, path: patternOf(url) })
  })
  // Before the body is looked at: for some methods there must be one.
  app.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return
    const path = request.url.split('?')[0] ?? ''
    const methods = known.filter((route) => route.path.test(path)).map(({ method }) => method)
    if (methods.length === 0) {
      const name = `${request.method} ${request.url.slice(0, 100)}`
      throw new WardroundError('WR_NOT_FOUND', { what: 'route', name })
    }
    const allowed = [...new Set(methods)].toSorted().join(', ')
    reply.header('allow', allowed)
    throw new WardroundError('WR_METHOD', { method: request.method.slice(0, 20), allowed })
  })
}

/** `/v1/studies/:study` as an expression. Names in paths are letters, digits and dots. */
const patternOf = (url: string): RegExp =>
  new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/:[a-zA-Z0-9]+/g, '[^/]+')}$`)
