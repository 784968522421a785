import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { type Bench, defined, list, text } from '../bench.ts'
import { byzantineBench } from './byzantine.ts'
import { byzantineTable } from './table.ts'
import { heartTask, syntheticTask } from './tasks.ts'
import { byzantineWords } from './words.ts'

/** Beside the project, where it lies for development. */
const beside = join(import.meta.dirname, '..', '..', '..', 'shared', 'data', 'heart_disease', 'original')

export const bench: Bench = {
  about: byzantineWords.about(),
  options: {
    task: { type: 'string' },
    rules: { type: 'string' },
    attacks: { type: 'string' },
    data: { type: 'string' },
  },
  async run(given, { signal, note }) {
    const folder = mkdtempSync(join(tmpdir(), 'wardround-byzantine-'))
    const make: Readonly<Record<string, () => ReturnType<typeof heartTask>>> = {
      heart: () => heartTask(text(given, 'data') ?? beside),
      synthetic: () => syntheticTask(folder),
    }
    try {
      const tasks = (list(given, 'task') ?? Object.keys(make)).map((name) => {
        const task = Object.hasOwn(make, name) ? make[name] : undefined
        if (task === undefined)
          throw new WardroundError('WR_USAGE', { problem: byzantineWords.noTask(name), command: 'bench' })
        return task()
      })
      const some = defined({ rules: list(given, 'rules'), attacks: list(given, 'attacks') })
      const report = await byzantineBench({ tasks, ...some, note, signal })
      return { document: report, table: byzantineTable(report, tasks) }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
