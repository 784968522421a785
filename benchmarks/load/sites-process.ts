/** The process of all sites: each with its own key, its own connection and a study, which polls, works for a while, and polls again. */
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { trustOf } from '@wardround/site/http.ts'
import { lightSite } from '../round-trip/light-site.ts'
import { updatesOf } from '../round-trip/light-update.ts'
import { benchRuntime } from '../runtime.ts'
import { say, toldNext } from './children.ts'
import { sitesSchema } from './told.ts'

/** So many join at once: TLS handshakes are slow, and a server keeps only so many waiting. */
const joiningAtOnce = 20

const ended = new AbortController()
process.once('SIGTERM', () => ended.abort())
process.once('disconnect', () => ended.abort())
const { clock, entropy, ed25519, version, signal } = benchRuntime(ended.signal)
const { tokens, studies, weights, taskMs } = await toldNext(sitesSchema)
const updateOf = updatesOf(weights)
const sites = []
for (let from = 0; from < tokens.length; from += joiningAtOnce) {
  const joined = tokens.slice(from, from + joiningAtOnce).map(async (text, index) => {
    const token = decodeToken('join', text)
    const number = from + index
    const own = studies[number % studies.length]
    if (own === undefined) throw new Error('There is no study.')
    const common = { clock, entropy, ed25519, version, signal, updateOf, token, number, ...own }
    return lightSite({ ...common, trust: trustOf(token), taskMs: () => Math.random() * taskMs })
  })
  sites.push(...(await Promise.all(joined)))
}
say({ joined: sites.length })
await Promise.all(sites.map(({ run }) => run()))
process.disconnect?.()
