/**
 * A process that may compute, and nothing else: no file but the exchange, no network, no process, no variable of ours (Node's permission model, and lockdown.ts), so much memory, and no more
 * said than asked. Whatever it does, and however it ends, becomes an error with a code.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fstatSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import { trainerWords } from '@wardround/core/words/en/trainer.ts'
import { diskError } from '../files.ts'
import { answerLength } from './answers.ts'
import { deniedIn } from './denied.ts'
import type { Device } from './device.ts'
import { type Exchange, openExchange } from './exchange.ts'
import type { TrainerLimits } from './limits.ts'
import { lineReader } from './lines.ts'

export type SandboxOptions = {
  /** What runs in it. */
  readonly program: URL
  /** Where the exchange takes its room. */
  readonly folder: string
  readonly limits: TrainerLimits
  readonly device: Device
  /** Threads beside the program's own, which it is to start at once, before it gives up the right to. */
  readonly threads: number
}

/** Who waits for an answer. */
export type Listener = { line(text: string): void; ended(why: WardroundError): void }

export type Sandbox = {
  readonly exchange: Exchange
  /** Why it ended, once it has. */
  readonly ended: Promise<WardroundError>
  /** The same, undefined before. */
  reason(): WardroundError | undefined
  /** False as soon as it is ending. */
  alive(): boolean
  /** Who is told its lines, and its end; a line that nobody waits for ends it. */
  listen(listener: Listener | undefined): void
  tell(text: string): void
  /** Its exchange may be so large. */
  allow(exchangeBytes: number): void
  /** Ends it at once, wherever it is. */
  end(why: WardroundError): void
  /** Whether a program that has nothing else to do waits for it. */
  hold(waits: boolean): void
}

/** How often memory is looked at: what can be filled meanwhile comes on top of the limit. */
const watchMs = 50

/** What it may write where nobody reads but after its end. */
const complaintBytes = 1 << 20

/** Errors: WR_PERMISSION, WR_DISK. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const exchange = await openExchange(options.folder, `exchange-${randomUUID()}`).catch((error: unknown) => {
    throw diskError(options.folder, error)
  })
  const child = spawn(process.execPath, argumentsFor(options), {
    env: environment(options.device),
    stdio: ['pipe', 'pipe', 'pipe', exchange.fd],
    windowsHide: true,
  })
  return watched(child, exchange, options.limits)
}

function watched(child: ChildProcess, exchange: Exchange, limits: TrainerLimits): Sandbox {
  const { stdin, stdout, stderr } = child
  if (stdin === null || stdout === null || stderr === null) throw new TypeError('a process without pipes')
  const { promise: ended, resolve } = Promise.withResolvers<WardroundError>()
  let listener: Listener | undefined
  let allowedBytes = 0
  let why: WardroundError | undefined
  const end = (reason: WardroundError): void => {
    why ??= reason
    child.kill('SIGKILL')
  }
  const malformed = (problem: string): void => end(new WardroundError('WR_TRAINER_ANSWER', { problem }))
  const complaints = lastOf(complaintBytes, () => malformed(trainerWords.flood()))
  const line = (text: string): void =>
    listener === undefined ? malformed(trainerWords.unasked()) : listener.line(text)
  const reader = lineReader(answerLength, { line, tooLong: () => malformed(trainerWords.flood()) })
  stdout.setEncoding('utf8').on('data', (piece: string) => why === undefined && reader(piece))
  stderr.setEncoding('utf8').on('data', complaints.add)
  // Its end is heard below.
  stdin.on('error', () => undefined)
  child.on('error', (error) => end(crashed(error.message)))
  const watch = setInterval(() => {
    if (residentBytes(child.pid) > limits.memoryMegabytes * 1e6) end(outOfMemory(limits))
    else if (fstatSync(exchange.fd).size > allowedBytes + spareBytes) malformed(trainerWords.flood())
  }, watchMs).unref()
  let reason: WardroundError | undefined
  child.on('close', (code, signal) => {
    clearInterval(watch)
    reason = why ?? reasonIn(complaints.text(), limits) ?? crashed(trainerWords.ended(signal ?? code ?? 0))
    resolve(reason)
    listener?.ended(reason)
    // Waits for whoever is reading it.
    void exchange.close()
  })
  firstToGo(child.pid)
  return {
    exchange,
    ended,
    reason: () => reason,
    alive: () => why === undefined && child.exitCode === null && child.signalCode === null,
    listen: (next) => {
      listener = next
      if (reason !== undefined) next?.ended(reason)
    },
    tell: (text) => void stdin.write(`${text}\n`),
    // What a larger request has left there is no answer to a smaller one: the file never shrinks.
    allow: (bytes) => {
      allowedBytes = Math.max(allowedBytes, bytes)
    },
    end,
    hold(waits) {
      for (const part of [child, stdin, stdout, stderr] as readonly { ref?(): void; unref?(): void }[])
        if (waits) part.ref?.()
        else part.unref?.()
    },
  }
}

const spareBytes = 1 << 16

const crashed = (how: string): WardroundError => new WardroundError('WR_TRAINER_CRASHED', { how })
const outOfMemory = ({ memoryMegabytes }: TrainerLimits): WardroundError =>
  new WardroundError('WR_TRAINER_MEMORY', { limitMegabytes: memoryMegabytes })

/** What its last words say, which are not believed further than this. */
function reasonIn(text: string, limits: TrainerLimits): WardroundError | undefined {
  const kind = deniedIn(text)
  if (kind !== undefined) return new WardroundError('WR_TRAINER_DENIED', { what: trainerWords.denied(kind) })
  return text.includes('heap out of memory') ? outOfMemory(limits) : undefined
}

/** The end of a text that comes in pieces. */
function lastOf(limit: number, tooMuch: () => void) {
  let text = ''
  let length = 0
  return {
    add(piece: string): void {
      length += piece.length
      text = (text + piece).slice(-8000)
      if (length > limit) tooMuch()
    },
    text: () => text,
  }
}

/** The program's own files, and those of the libraries it loads. */
function argumentsFor({ program, limits, device, threads }: SandboxOptions): string[] {
  const core = dirname(fileURLToPath(import.meta.resolve('@wardround/core/errors.ts')))
  const site = fileURLToPath(new URL('../../', import.meta.url))
  const runtime = fileURLToPath(import.meta.resolve('onnxruntime-node'))
  const compiled = Object.values(compileCache())
  const libraries = runtime.slice(0, runtime.lastIndexOf('node_modules') + 'node_modules'.length)
  return [
    '--permission',
    ...[join(core, '..'), site, libraries, ...compiled].map((folder) => `--allow-fs-read=${join(folder, '/')}`),
    // Given up, too, before anything of a study is seen.
    ...compiled.map((folder) => `--allow-fs-write=${join(folder, '/')}`),
    // ONNX Runtime is one. Given up once it is loaded.
    '--allow-addons',
    // Node asks whether a thread may be debugged when it starts one. Both are given up once they are there.
    ...(threads > 0 ? ['--allow-worker', '--allow-inspector'] : []),
    '--no-warnings',
    '--disallow-code-generation-from-strings',
    `--max-old-space-size=${limits.memoryMegabytes}`,
    `--import=${new URL('./lockdown.ts', import.meta.url).href}`,
    fileURLToPath(program),
    device,
    String(threads),
  ]
}

/** Where Node keeps what it has compiled, if it does: a start without costs five times as much. */
function compileCache(): { readonly NODE_COMPILE_CACHE?: string } {
  const { NODE_COMPILE_CACHE } = process.env
  return NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }
}

/** What the system needs to start a program, and nothing that anybody keeps a secret in. */
function environment(device: Device): NodeJS.ProcessEnv {
  const { SystemRoot, LD_LIBRARY_PATH, VK_DRIVER_FILES } = process.env
  return {
    ORT_DISABLE_TELEMETRY: '1',
    ...compileCache(),
    ...(SystemRoot === undefined ? {} : { SystemRoot }),
    ...(LD_LIBRARY_PATH === undefined ? {} : { LD_LIBRARY_PATH }),
    // Which of several drivers Vulkan is to load.
    ...(device === 'cpu' || VK_DRIVER_FILES === undefined ? {} : { VK_DRIVER_FILES }),
  }
}

/** As Linux tells it; elsewhere V8's own limit is all that holds. */
function residentBytes(pid: number | undefined): number {
  if (process.platform !== 'linux' || pid === undefined) return 0
  try {
    return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    // It has just ended.
    return 0
  }
}

/** Where the machine runs out of memory, Linux ends this process before the site. */
function firstToGo(pid: number | undefined): void {
  if (process.platform !== 'linux' || pid === undefined) return
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000')
  } catch {
    // Where that is not allowed, the kernel chooses by size.
  }
}
