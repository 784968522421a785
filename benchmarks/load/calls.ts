/** The calls that are measured: what a researcher's console and a site's agent ask for all day. Their answers are taken in whole, and not read. */
import { openAccount } from '@wardround/cli/homes.ts'
import type { Runtime } from '@wardround/cli/runtime.ts'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import type { Client } from '@wardround/site/client.ts'
import { bytesOf, trustOf } from '@wardround/site/http.ts'
import { joinLightly } from '../round-trip/light-site.ts'
import type { Call } from './prober.ts'

/** So many connections take turns: a call does not wait for the one before it on the same line. */
const connections = 8

/** Of the past, as a console asks for that was closed for a moment. */
const eventsBack = 200

export type Asking = { readonly accessFile: string; readonly siteToken: string; readonly studies: readonly string[] }

/** `close` ends the connections. */
export async function measuredCalls(
  runtime: Runtime,
  { accessFile, siteToken, studies }: Asking,
): Promise<{ calls: readonly Call[]; close(): Promise<void> }> {
  const accounts = await Promise.all(Array.from({ length: connections }, () => openAccount(runtime, accessFile)))
  const token = decodeToken('join', siteToken)
  const site = await joinLightly({ ...runtime, token, trust: trustOf(token) })
  let turn = 0
  const client = (): Client => {
    turn += 1
    return accounts[turn % connections]?.client ?? site.client
  }
  let sequence = 0
  const events = async (): Promise<void> => {
    const query = { after: Math.max(0, sequence - eventsBack) }
    const answer = await bytesOf(await client().download('events', { query }))
    sequence = Number(/"sequence":(\d+)\}$/.exec(answer.subarray(-40).toString())?.[1])
  }
  const study = (): string => studies[turn % studies.length] ?? ''
  return {
    calls: [
      { route: 'health', ask: async () => void (await bytesOf(await client().download('health', {}))) },
      { route: 'studies', ask: async () => void (await bytesOf(await client().download('studies', {}))) },
      {
        route: 'study',
        ask: async () => void (await bytesOf(await client().download('study', { params: { study: study() } }))),
      },
      { route: 'events', ask: events },
      {
        route: 'nextTask',
        ask: async () => void (await bytesOf(await site.client.download('nextTask', { query: { wait: 0 } }))),
      },
    ],
    async close() {
      for (const { close } of accounts) await close()
      await site.network.close()
    },
  }
}
