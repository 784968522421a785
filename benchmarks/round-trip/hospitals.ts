/** Sites with a folder, a journal and a process each. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createProcesses } from '@wardround/cli/demo/processes.ts'
import { approveAt } from '@wardround/cli/federation.ts'
import type { Runtime } from '@wardround/cli/runtime.ts'
import { openSite } from '@wardround/site/agent.ts'
import { readConfig } from '@wardround/site/config.ts'
import { joinNetwork } from '@wardround/site/join.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import type { Invitation, Sites } from './federation.ts'
import { table } from './study.ts'

const siteProgram = fileURLToPath(new URL('site.ts', import.meta.url))

/** `trains`: in truth, instead of in no time. */
export function startHospitals(runtime: Runtime, { trains = false } = {}): Sites {
  const { start, broken, end } = createProcesses({ ...runtime, self: [runtime.self[0], siteProgram] })
  return {
    broken,
    end,
    async join(invitation) {
      const pids: number[] = []
      for (let number = 1; number <= invitation.sites; number++) {
        const own = await settle(runtime, invitation, number)
        pids.push(start(`site-${number}`, [own, trains ? 'trains' : String(number)], join(own, 'site.log')).pid)
      }
      return pids
    },
  }
}

/** A hospital that has joined and approved the study. */
async function settle(runtime: Runtime, { client, folder, study }: Invitation, number: number): Promise<string> {
  const { clock, entropy, ed25519, disk, version } = runtime
  const name = `site-${number}`
  const own = join(folder, name)
  mkdirSync(own, { recursive: true, mode: 0o700 })
  writeFileSync(join(own, 'data.csv'), table())
  writeFileSync(join(own, 'site.yaml'), 'data: { file: data.csv }\n')
  const { token } = await client.call('createToken', { body: { site: name } })
  await joinNetwork({ folder: own, token, clock, entropy, ed25519, disk, version })
  const trainer = createTrainer()
  const config = readConfig(join(own, 'site.yaml'))
  const common = { clock, entropy, ed25519, disk, version }
  const options = { ...common, folder: own, config, dataFolder: own, trainer, log: () => undefined }
  const site = await openSite(options)
  await approveAt(site, study).finally(site.close)
  return own
}
