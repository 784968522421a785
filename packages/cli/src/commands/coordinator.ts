/** `wardround coordinator` */
import type { Log } from '@wardround/coordinator/context.ts'
import { startCoordinator } from '@wardround/coordinator/start.ts'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import { usageWords } from '@wardround/core/words/en/usage.ts'
import { pino } from 'pino'
import { coordinatorFolder } from '../homes.ts'
import { type CommonOptions, type Outcome, show } from '../output.ts'
import type { Runtime } from '../runtime.ts'
import { usageOf } from '../usage.ts'

type Options = CommonOptions & {
  dir?: string
  host?: string
  port?: string
  publicUrl?: string
  certificate?: string
  key?: string
  store?: string
  jsonLogs?: boolean
}

/** Runs until Ctrl-C. With --json the address is said once, as a document of one line, as soon as it listens. */
export async function coordinatorCommand(runtime: Runtime, { options }: { options: Options }): Promise<Outcome> {
  const { clock, entropy, ed25519, version, signal } = runtime
  const { certificate, key } = options
  if ((certificate === undefined) !== (key === undefined)) throw usage(usageWords.certificateAlone())
  const tlsFiles = certificate === undefined || key === undefined ? {} : { tlsFiles: { certificate, key } }
  const started = await startCoordinator({
    folder: coordinatorFolder(runtime, options.dir),
    host: options.host ?? '127.0.0.1',
    port: portOf(options.port ?? '8443'),
    store: options.store ?? 'sqlite',
    ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }),
    ...tlsFiles,
    clock,
    entropy,
    ed25519,
    version,
    log: logger(options.jsonLogs === true),
  })
  const { coordinator, url, accessFile } = started
  show(runtime, options, {
    data: { url, accessFile },
    lines: [cliWords.listening(url), cliWords.accessAt(accessFile), cliWords.stopHint()],
  })
  await new Promise<void>((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  await coordinator.close()
  return { data: undefined, lines: [] }
}

function portOf(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw usage(usageWords.noPort(text))
  return port
}

const usage = usageOf('coordinator')

/** Structured lines on stderr; without --json-logs only what went wrong. */
function logger(everything: boolean): Log {
  const log = pino({ level: everything ? 'info' : 'error', base: null }, pino.destination({ fd: 2, sync: true }))
  return (level, message, fields = {}) => log[level](fields, message)
}
