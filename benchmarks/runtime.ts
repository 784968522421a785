/** The real world for benchmarks, as packages/cli/src/main.ts has it for commands. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Output, Runtime } from '@wardround/cli/runtime.ts'
import { realWorld } from '@wardround/cli/world.ts'
import packageJson from '../package.json' with { type: 'json' }

const project = dirname(dirname(fileURLToPath(import.meta.url)))
const output: Output = { write: (text) => void process.stderr.write(text), isTTY: false, columns: 100 }

/** `main` is what a process of its own runs: the commands, or a benchmark's own program. Whatever is said goes to stderr. */
export const benchRuntime = (
  signal: AbortSignal,
  main = join(project, 'packages', 'cli', 'src', 'main.ts'),
): Runtime => ({
  ...realWorld,
  stdout: output,
  stderr: output,
  env: process.env,
  signal,
  version: packageJson.version,
  startedAt: Date.now(),
  self: [process.execPath, main],
})
