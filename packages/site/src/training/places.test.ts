import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'

const folder = mkdtempSync(join(tmpdir(), 'wardround-places-'))
after(() => rmSync(folder, { recursive: true, force: true }))
mkdirSync(join(folder, 'real'))
symlinkSync(join(folder, 'real'), join(folder, 'link'), 'dir')
writeFileSync(join(folder, 'real', 'one.ts'), 'export const url: string = import.meta.url\n')

/** What a module there prints. */
function printed(code: string): string {
  writeFileSync(join(folder, 'main.ts'), code)
  const places = new URL('./places.ts', import.meta.url).href
  const { stdout, stderr } = spawnSync(process.execPath, [`--import=${places}`, join(folder, 'main.ts')])
  return `${stdout}${stderr}`
}

test('a module is loaded from where it is named, without a look at what is on the way', () => {
  const found = printed("import { url } from './link/one.ts'\nprocess.stdout.write(url satisfies string)\n")
  assert.match(found, /\/link\/one\.ts$/)
})

test('what is named otherwise is found as ever, and what is nowhere is not', () => {
  const url = pathToFileURL(join(folder, 'link', 'one.ts')).href
  assert.match(printed(`import { url } from '${url}'\nprocess.stdout.write(url)\n`), /\/real\/one\.ts$/)
  assert.match(printed("import './link/two.ts'\n"), /ENOENT.*two\.ts/)
})
