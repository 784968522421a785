/** The rules of the house that a machine can hold (ARCHITECTURE.md, house rule 14). */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { files, importsOf, isTest, read, root, targetOf } from './repository.ts'

const sources = files.filter((path) => /^packages\/[a-z]+\/src\/.*\.ts$/.test(path) && existsSync(join(root, path)))
const packageOf = (path: string): string => path.split('/')[1] ?? ''
/** A folder of core, or '' for the files at its root. */
const layerOf = (path: string): string => /^packages\/core\/src\/([a-z-]+)\//.exec(path)?.[1] ?? ''

/** What a package may import besides itself. */
const packages: Record<string, readonly string[]> = {
  core: [],
  coordinator: ['core'],
  site: ['core'],
  cli: ['core', 'coordinator', 'site'],
}

/** Inside core: what a folder may import besides itself and the files at core's root. */
const layers: Record<string, readonly string[]> = {
  '': [],
  words: ['study', 'metrics', 'preparation', 'protocol', 'draft'],
  testing: [],
  study: [],
  graph: ['study', 'preparation'],
  learning: ['study'],
  metrics: ['study'],
  preparation: ['study'],
  protocol: ['study', 'graph', 'learning', 'metrics', 'preparation'],
  draft: ['study'],
  figures: ['study', 'graph', 'metrics', 'preparation', 'protocol'],
  report: ['study', 'metrics', 'preparation', 'protocol', 'figures'],
}

test('packages depend on each other in one direction only', () => {
  for (const path of sources) {
    for (const specifier of importsOf(path)) {
      const target = targetOf(path, specifier)
      if (target === undefined) continue
      const [from, to] = [packageOf(path), packageOf(target)]
      // The demo shows the example, and reads it where it stands.
      if (path === 'packages/cli/src/commands/demo.ts' && target.startsWith('examples/')) continue
      assert.ok(from === to || packages[from]?.includes(to), `${path} imports ${specifier}`)
    }
  }
})

test('inside core, layers depend downwards only', () => {
  for (const path of sources.filter(
    (file) => packageOf(file) === 'core' && !isTest(file) && layerOf(file) !== 'words',
  )) {
    for (const specifier of importsOf(path)) {
      const target = targetOf(path, specifier)
      if (target === undefined || packageOf(target) !== 'core') continue
      const [from, to] = [layerOf(path), layerOf(target)]
      assert.ok(layers[from] !== undefined, `${path} is in a folder that tests/architecture.test.ts does not know`)
      // Words stand beside every layer: they know the shapes of what they speak about.
      assert.ok(to === '' || to === 'words' || from === to || layers[from].includes(to), `${path} imports ${specifier}`)
    }
  }
})

test('what is made for tests is imported by tests alone', () => {
  for (const path of sources.filter((file) => !isTest(file)))
    for (const specifier of importsOf(path))
      assert.doesNotMatch(targetOf(path, specifier) ?? '', /\/testing\//, `${path} imports ${specifier}`)
})

test('every import names a file that exists', () => {
  for (const path of sources) {
    for (const specifier of importsOf(path)) {
      const target = targetOf(path, specifier)
      if (target !== undefined) assert.ok(existsSync(join(root, target)), `${path} imports ${specifier}`)
    }
  }
})

test('no two modules import each other in a circle', () => {
  const runtime = (path: string): string[] =>
    [...read(path).matchAll(/(?:^|\n)(?:import|export) (?!type )[^'"]*?from '([^']+)'/g)]
      .map(([, specifier]) => targetOf(path, specifier ?? ''))
      .filter((target) => target !== undefined)
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(path), `a circle: ${[...trail, path].join(' → ')}`)
    if (done.has(path) || !existsSync(join(root, path))) return
    for (const target of runtime(path)) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of sources) visit(path, [])
})

test('core is pure: no node modules, no clock, no ambient randomness, no console, no process', () => {
  const impure =
    /\bfrom 'node:|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bcrypto\.getRandomValues\(|\bperformance\.now\(|\bprocess\.(?!ts\b)|\bsetTimeout\(|\bfetch\(/
  for (const path of sources.filter((file) => packageOf(file) === 'core' && !isTest(file))) {
    const hit = impure.exec(read(path))
    assert.equal(hit?.[0], undefined, path)
  }
})

test('real clock and entropy appear in main files and world.ts only', () => {
  const ambient = /\bDate\.now\(|\bMath\.random\(|\bcrypto\.getRandomValues\(|\brandomBytes\(/
  for (const path of sources.filter((file) => !isTest(file) && !/(^|\/)(?:main|world)\.ts$/.test(file))) {
    assert.equal(ambient.exec(read(path))?.[0], undefined, path)
  }
})

test("a site's own files go through its disk; what people wrote, its data and site.yaml, is read where it stands", () => {
  // What goes to a trainer's process and back is in a file without a name, and needed by nobody after a crash.
  const disk =
    /^packages\/site\/src\/(?:real-disk|locks|config|data\/(?:images\/source|[a-z-]+)|training\/(?:exchange|sandbox|lockdown|testing\/(?:hostile|abandoned)))\.ts$/
  for (const path of sources.filter((file) => packageOf(file) === 'site' && !isTest(file) && !disk.test(file)))
    assert.doesNotMatch(read(path), /\bfrom 'node:fs/, path)
})

test('secrets and row values have no way into messages: nothing prints to the console', () => {
  for (const path of sources.filter((file) => !isTest(file))) {
    assert.doesNotMatch(read(path), /\bconsole\./, path)
  }
})

test("no file names a machine's path, and no lockfile a registry", () => {
  for (const path of files.filter(
    (file) => /\.(ts|mjs|md|json|yaml|yml|sh|py|toml)$/.test(file) && existsSync(join(root, file)),
  )) {
    assert.doesNotMatch(read(path), /"resolved": *"https?:|(?<![\w.~-])\/(?:work|farm)\/[A-Za-z.]/, path)
  }
})

test('files stay below 500 lines, tests included', () => {
  for (const path of files.filter((file) => file.endsWith('.ts') && existsSync(join(root, file)))) {
    assert.ok(read(path).split('\n').length <= 500, path)
  }
})
