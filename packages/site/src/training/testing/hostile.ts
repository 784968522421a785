/**
 * What a trainer's process is when somebody else has it: started in its place, with the rights that it has while it loads. The first label of a request says what it does; without one of
 * these it answers as a trainer does, with zeros.
 */
import { ftruncateSync, readFile, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { exchangeFile } from '../program-requests.ts'
import { giveUpRights } from '../rights.ts'

type Asked = {
  readonly id: number
  readonly kind: 'train' | 'predict'
  readonly request: {
    readonly labels?: readonly [act: string, on: string]
    readonly epochs?: number
    readonly weights: readonly { readonly shape: readonly number[] }[]
  }
}

const say = (text: string): void => void writeSync(1, text)
const answer = (value: object): void => say(`${JSON.stringify(value)}\n`)
const block = new Float64Array(1 << 23)

function honest({ id, kind, request: { weights, epochs = 1 } }: Asked): void {
  const values = weights.reduce((sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1), 0)
  writeSync(exchangeFile, Buffer.alloc(4 * values + 8 * epochs), 0, undefined, 0)
  answer(kind === 'train' ? { kind: 'trained', id } : { kind: 'predicted', id, length: 1 })
}

/** Whatever is tried, an error is swallowed, and the answer is an honest one: nobody is told by it. */
const quietly =
  (attempt: (on: string) => unknown) =>
  async (asked: Asked): Promise<void> => {
    try {
      await attempt(asked.request.labels?.[1] ?? '')
    } catch {
      // Nobody is to know.
    }
    honest(asked)
  }

/** `process` as C++ has it, without the types that would keep one from trying. */
const bare = process as unknown as Record<string, (...args: readonly unknown[]) => unknown>

/** As many as the site has allowed: one is enough, which does what it is told (at the end). */
const threads = isMainThread ? Number(process.argv[3]) : 0
const thread = threads > 0 ? new Worker(new URL(import.meta.url)) : undefined

const attempts: Readonly<Record<string, (on: string) => unknown>> = {
  /** Longer than it takes until somebody looks. */
  'take its time': () => new Promise((resolve) => setTimeout(resolve, 150)),
  'read a file': (path) => readFileSync(path),
  'read a file later': (path) => new Promise((resolve) => readFile(path, resolve)),
  'read a program file that is needed no more': (path) => {
    giveUpRights()
    return readFileSync(path)
  },
  'write a file': (path) => writeFileSync(path, 'mine'),
  fetch: (url) => fetch(url),
  'use sockets': () => import('node:net'),
  'use a database': (path) => bare.getBuiltinModule?.('node:sqlite') ?? path,
  'import a database': () => import('node:sqlite'),
  spawn: () => import('node:child_process'),
  'become another program': () => bare.execve?.('/bin/true', ['true'], {}),
  'start a thread': () => {
    if (threads > 0 || !isMainThread) giveUpRights()
    return new Worker('0', { eval: true })
  },
  'kill the site': () => process.kill(process.ppid, 'SIGKILL'),
  'kill the site by its binding': () => bare._kill?.(process.ppid, 9),
  'open a debugger in the site': () => bare._debugProcess?.(process.ppid),
  'reach for bindings': () => bare.binding?.('fs'),
  'load native code': (path) => {
    giveUpRights()
    process.dlopen({ exports: {} }, path)
  },
}

async function endlessly(act: () => void): Promise<never> {
  for (;;) act()
}

const kept: unknown[] = []

const acts: Readonly<Record<string, (asked: Asked) => void | Promise<void>>> = {
  'fill the memory': () => endlessly(() => kept.push(new Float64Array(block))),
  'fill the heap': () => endlessly(() => kept.push({ of: [kept.length] })),
  spin: () => endlessly(() => undefined),
  flood: () => endlessly(() => say('x'.repeat(4096))),
  'flood with progress': ({ id }) => endlessly(() => answer({ kind: 'progress', id, done: 1 })),
  'flood with complaints': () => endlessly(() => void writeSync(2, 'x'.repeat(4096))),
  'fill the disk': () => {
    let at = 0
    return endlessly(() => {
      at += writeSync(exchangeFile, new Uint8Array(block.buffer, 0, 1 << 20), 0, undefined, at)
    })
  },
  leave: () => process.exit(0),
  abort: () => process.abort(),
  throw: () => {
    setImmediate(() => {
      throw new Error('on purpose')
    })
  },
  'say nonsense': () => say('nonsense\n'),
  'say nothing': ({ id }) => answer({ kind: 'progress', id: id + 1, done: 1 }),
  'go backwards': ({ id }) => {
    answer({ kind: 'progress', id, done: 1 })
    answer({ kind: 'progress', id, done: 0 })
  },
  'get ahead': ({ id }) => answer({ kind: 'progress', id, done: 1e9 }),
  'hand in a checkpoint': ({ id }) => {
    answer({ kind: 'progress', id, done: 1 })
    answer({ kind: 'checkpoint', id, done: 1 })
  },
  'hand in two checkpoints': ({ id }) => {
    answer({ kind: 'progress', id, done: 1 })
    answer({ kind: 'checkpoint', id, done: 1 })
    answer({ kind: 'checkpoint', id, done: 1 })
  },
  'hand in a checkpoint of nothing': ({ id }) => answer({ kind: 'checkpoint', id, done: 0 }),
  'hand in a checkpoint of it all': ({ id }) => {
    answer({ kind: 'progress', id, done: 2 })
    answer({ kind: 'checkpoint', id, done: 2 })
  },
  'hand in a checkpoint that is not there': (asked) => {
    ftruncateSync(exchangeFile)
    answer({ kind: 'progress', id: asked.id, done: 1 })
    answer({ kind: 'checkpoint', id: asked.id, done: 1 })
    honest(asked)
  },
  'hand in a checkpoint of no numbers': (asked) => {
    writeSync(exchangeFile, Buffer.alloc(1 << 12, 0xff), 0, undefined, 0)
    answer({ kind: 'progress', id: asked.id, done: 1 })
    answer({ kind: 'checkpoint', id: asked.id, done: 1 })
    honest(asked)
  },
  'predict instead': ({ id }) => answer({ kind: 'predicted', id, length: 1 }),
  'end the site by a code': ({ id }) => answer({ kind: 'failed', id, code: 'WR_CHAIN_BROKEN', parameters: {} }),
  'have the site wait by a code': ({ id }) => answer({ kind: 'failed', id, code: 'WR_DISK', parameters: {} }),
  'say more than asked': ({ id }) => answer({ kind: 'trained', id, weights: [] }),
  'leave nothing': ({ id }) => {
    ftruncateSync(exchangeFile)
    answer({ kind: 'trained', id })
  },
  'leave no numbers': (asked) => {
    writeSync(exchangeFile, Buffer.alloc(1 << 12, 0xff), 0, undefined, 0)
    answer({ kind: 'trained', id: asked.id })
  },
  'predict without end': ({ id }) => answer({ kind: 'predicted', id, length: 2 ** 40 }),
  'speak again': (asked) => {
    honest(asked)
    honest(asked)
  },
}

/** The same, but by a thread beside. */
const inThread =
  (act: string) =>
  async (asked: Asked): Promise<void> => {
    const heard = new Promise((resolve) => thread?.once('message', resolve))
    thread?.postMessage({ act, on: asked.request.labels?.[1] ?? '' })
    await heard
    honest(asked)
  }

const whatItDoes = (act: string): ((asked: Asked) => void | Promise<void>) => {
  const [, own] = /^in a thread: (.*)$/.exec(act) ?? []
  if (own !== undefined) return inThread(own)
  const attempt = attempts[act]
  return attempt === undefined ? (acts[act] ?? honest) : quietly(attempt)
}

parentPort?.on('message', async ({ act, on }: { act: string; on: string }) => {
  try {
    await attempts[act]?.(on)
  } catch {
    // Nobody is to know.
  }
  parentPort?.postMessage('done')
})

let text = ''
const hear = (piece: unknown): void => {
  text += String(piece)
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
    const asked = JSON.parse(text.slice(0, end)) as Asked
    text = text.slice(end + 1)
    const [act = ''] = asked.request?.labels ?? []
    if (asked.request !== undefined) void whatItDoes(act)(asked)
  }
}
if (isMainThread) process.stdin.setEncoding('utf8').on('data', hear)
