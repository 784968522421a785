/** The process of a crowd (crowd.ts). Argument: the file with its tokens. It says one line when all have joined and approved. */
import { readFileSync } from 'node:fs'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { trustOf } from '@wardround/site/http.ts'
import { benchRuntime } from '../runtime.ts'
import type { Crowd } from './crowd.ts'
import { lightSite } from './light-site.ts'
import { updatesOf } from './light-update.ts'

/** So many join at once: TLS handshakes are slow, and a server keeps only so many waiting. */
const joiningAtOnce = 20

const [, , file = ''] = process.argv
const { tokens, weights, study, planHash } = JSON.parse(readFileSync(file, 'utf8')) as Crowd
const ended = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort())
const { clock, entropy, ed25519, version, signal } = benchRuntime(ended.signal)
const decoded = tokens.map((token) => decodeToken('join', token))
const [first] = decoded
if (first === undefined) throw new Error('There are no tokens.')
const common = {
  trust: await trustOf(first),
  study,
  planHash,
  updateOf: updatesOf(weights),
  clock,
  entropy,
  ed25519,
  version,
  signal,
}
const sites = []
for (let from = 0; from < decoded.length; from += joiningAtOnce) {
  const some = decoded.slice(from, from + joiningAtOnce)
  const joined = some.map((token, index) => lightSite({ ...common, token, number: from + index + 1 }))
  sites.push(...(await Promise.all(joined)))
}
process.stdout.write('ready\n')
await Promise.all(sites.map(({ run }) => run()))
