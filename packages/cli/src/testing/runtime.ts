/** A world for commands: what they print is caught, Ctrl-C is a call, and nothing of the machine's own environment is seen. */
import type { Clock, Entropy } from '@wardround/core/ports.ts'
import { realDisk } from '@wardround/site/real-disk.ts'
import { testClock, testEntropy } from '@wardround/site/testing/hospital.ts'
import { ed25519 } from '@wardround/site/testing/keys.ts'
import { buildProgram } from '../program.ts'
import type { Output, Runtime } from '../runtime.ts'

export type Caught = Output & { readonly text: () => string }

export function caughtOutput({ isTTY = false, columns = 100 }: { isTTY?: boolean; columns?: number } = {}): Caught {
  let text = ''
  return {
    write: (more) => {
      text += more
    },
    text: () => text,
    isTTY,
    columns,
  }
}

export type World = {
  readonly clock?: Clock
  readonly entropy?: Entropy
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  readonly version?: string
}

export function testRuntime({ clock = testClock(), entropy = testEntropy(), env = {}, signal, ...given }: World = {}) {
  const [stdout, stderr] = [caughtOutput(), caughtOutput()]
  const runtime: Runtime = {
    clock,
    entropy,
    ed25519,
    disk: realDisk(),
    stdout,
    stderr,
    env,
    signal: signal ?? new AbortController().signal,
    version: given.version ?? '0.1.0',
    startedAt: clock.now(),
    self: ['no program', 'no main'],
  }
  return { runtime, stdout, stderr }
}

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** `wardround …` in this process. */
export async function ran(args: readonly string[], world: World = {}): Promise<Ran> {
  const { runtime, stdout, stderr } = testRuntime(world)
  const code = await buildProgram(runtime).run(args)
  return { code, stdout: stdout.text(), stderr: stderr.text() }
}
