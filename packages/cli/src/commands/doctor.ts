/** `wardround doctor`: is this machine ready? One line a check, with what to do where one fails. */
import { accessSync, constants, existsSync, mkdirSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { asWardroundError } from '@wardround/core/errors.ts'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import { doctorWords } from '@wardround/core/words/en/doctor.ts'
import { createClient } from '@wardround/site/client.ts'
import { readConfig } from '@wardround/site/config.ts'
import { tableRecords } from '@wardround/site/data/load.ts'
import { httpsNetwork } from '@wardround/site/http.ts'
import { isJoined, membershipOf } from '@wardround/site/identity.ts'
import { readJournal } from '@wardround/site/journal.ts'
import type { Device } from '@wardround/site/training/device.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import { siteFolder } from '../homes.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import type { Runtime } from '../runtime.ts'

type Options = CommonOptions & { dir?: string; config?: string }
type Check = { readonly name: string; readonly state: 'ok' | 'warning' | 'failed'; readonly detail: string }

export async function doctorCommand(runtime: Runtime, { options }: { options: Options }): Promise<Outcome> {
  const folder = siteFolder(runtime, options.dir)
  const checks = [
    await check(doctorWords.node(), async () => nodeVersion()),
    await check(doctorWords.training(), () => trainOneStep(deviceIn(options.config ?? join(folder, 'site.yaml')))),
    await check(doctorWords.folder(folder), async () => writable(folder)),
    ...(isJoined(runtime.disk, folder)
      ? [
          await check(doctorWords.journal(), async () => journalHolds(runtime, folder)),
          await check(doctorWords.coordinator(), () => reachable(runtime, folder)),
        ]
      : [{ name: doctorWords.coordinator(), state: 'warning' as const, detail: doctorWords.notJoined() }]),
    ...(options.config === undefined && !existsSync(join(folder, 'site.yaml'))
      ? []
      : [await check(doctorWords.data(), () => dataReadable(options.config ?? join(folder, 'site.yaml')))]),
  ]
  const failed = checks.filter(({ state }) => state === 'failed').length
  return {
    data: { healthy: failed === 0, checks },
    lines: checks.map(({ name, state, detail }) => doctorWords.line(state, name, detail)),
    exitCode: failed === 0 ? 0 : 8,
  }
}

type Found = Pick<Check, 'state' | 'detail'>

async function check(name: string, look: () => Promise<Found>): Promise<Check> {
  try {
    return { name, ...(await look()) }
  } catch (error) {
    const { what, why, next } = asWardroundError(error).sentences
    return { name, state: 'failed', detail: [what, why, next].filter((text) => text !== '').join(' ') }
  }
}

const ok = (detail: string): Found => ({ state: 'ok', detail })

const nodeVersion = (): Found =>
  Number(process.versions.node.split('.')[0]) >= 26
    ? ok(process.version)
    : { state: 'failed', detail: doctorWords.oldNode(process.version) }

/** The native runtime loads and learns. */
async function trainOneStep(device: Device): Promise<Found> {
  const trainer = createTrainer({ device })
  try {
    const model = modelSchema.parse({ layers: [{ dense: 1 }] })
    const training = trainingSchema.parse({
      loss: 'binaryCrossEntropy',
      optimizer: { sgd: { rate: 0.1 } },
      batch: 2,
      epochs: 1,
    })
    const data = { features: Float32Array.of(0, 1), rows: 2, width: 1, target: Float32Array.of(0, 1) }
    const { steps } = await trainer.train({
      model,
      training,
      data,
      weights: initialWeights(model, 1, seededRandom(['doctor'])),
      epochs: 1,
      labels: ['doctor'],
    })
    return device === 'cpu'
      ? ok(doctorWords.trained(steps))
      : { state: 'warning', detail: doctorWords.trainedOn(device, steps) }
  } finally {
    await trainer.close()
  }
}

/** What is wrong with the file is found where its data is looked at. */
function deviceIn(path: string): Device {
  try {
    return readConfig(path).training.device
  } catch {
    return 'cpu'
  }
}

const roomBytes = 1e9

function writable(folder: string): Found {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  accessSync(folder, constants.W_OK)
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize < roomBytes
    ? { state: 'warning', detail: doctorWords.littleRoom(bavail * bsize) }
    : ok(doctorWords.room(bavail * bsize))
}

function journalHolds({ disk }: Runtime, folder: string): Found {
  const { entries, broken } = readJournal(disk, join(folder, 'journal.ndjson'))
  return broken === undefined
    ? ok(doctorWords.entries(entries.length))
    : { state: 'failed', detail: doctorWords.broken(broken) }
}

/** Address, TLS, proxy, version and clock in one request. */
async function reachable({ clock, entropy, disk, version, env }: Runtime, folder: string): Promise<Found> {
  const { url, trust } = membershipOf(disk, folder)
  const network = httpsNetwork(url, trust)
  try {
    const answer = await createClient({ network, clock, entropy, version, identity: { kind: 'nobody' } }).call('health')
    const skewMs = answer.nowMs - clock.now()
    const proxy = env.HTTPS_PROXY ?? env.https_proxy
    const detail = doctorWords.reached({ url, version: answer.version, skewSeconds: Math.round(skewMs / 1000), proxy })
    return Math.abs(skewMs) > 30_000 ? { state: 'warning', detail } : ok(detail)
  } finally {
    await network.close()
  }
}

async function dataReadable(path: string): Promise<Found> {
  const config = readConfig(path)
  const { columns, records } = await tableRecords(config, dirname(path))
  let count = 0
  for await (const _ of records) count += 1
  return ok(doctorWords.table(count, columns))
}
