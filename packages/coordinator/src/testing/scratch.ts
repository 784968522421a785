import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder that is gone when the test process ends. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-coordinator-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}
