/** Many sites in one process: each with its own key, connection and requests, and without a disk. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createProcesses } from '@wardround/cli/demo/processes.ts'
import type { Runtime } from '@wardround/cli/runtime.ts'
import type { Invitation, Sites } from './federation.ts'

const crowdProgram = fileURLToPath(new URL('crowd-process.ts', import.meta.url))

/** What the process reads from a file: of a thousand sites it is too much for a command line. */
export type Crowd = Pick<Invitation, 'study' | 'planHash' | 'weights'> & { readonly tokens: readonly string[] }

export function startCrowd(runtime: Runtime): Sites {
  const { start, broken, end } = createProcesses({ ...runtime, self: [runtime.self[0], crowdProgram] })
  return {
    broken,
    end,
    async join({ client, folder, sites, study, planHash, weights }: Invitation) {
      const tokens: string[] = []
      for (let number = 1; number <= sites; number++)
        tokens.push((await client.call('createToken', { body: { site: `site-${number}` } })).token)
      const file = join(folder, 'crowd.json')
      writeFileSync(file, JSON.stringify({ tokens, study, planHash, weights } satisfies Crowd))
      const crowd = start('crowd', [file], join(folder, 'crowd.log'))
      // Said when all have joined and approved.
      await crowd.firstLine()
      return [crowd.pid]
    },
  }
}
