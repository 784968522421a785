import assert from 'node:assert/strict'
import { test } from 'node:test'
import { helpWords } from '@wardround/core/words/en/help.ts'
import { commandNames } from './program.ts'
import { type Ran, ran } from './testing/runtime.ts'

type Told = { readonly error: { readonly code: string; readonly what: string; readonly next: string } }

/** The one document of a --json run, on one line, with nothing beside it. */
function told({ stdout, stderr }: Ran): Told {
  assert.equal(stderr, '')
  assert.equal(stdout.indexOf('\n'), stdout.length - 1, stdout)
  return JSON.parse(stdout)
}

const groups = [...new Set(commandNames.flatMap((name) => prefixesOf(name.split(' '))))].filter(
  (name) => !commandNames.includes(name),
)
function prefixesOf(words: readonly string[]): string[] {
  return words.slice(1).map((_, index) => words.slice(0, index + 1).join(' '))
}

test('the help speaks of every command and every group that there is, and of no other', () => {
  assert.deepEqual(Object.keys(helpWords.commands).toSorted(), commandNames.toSorted())
  assert.deepEqual(Object.keys(helpWords.groups).toSorted(), groups.toSorted())
  assert.equal(new Set(commandNames).size, commandNames.length)
})

test('every command has help: what it does, how it is typed, --json, and an example of itself', async () => {
  for (const name of commandNames) {
    const { code, stdout, stderr } = await ran([...name.split(' '), '--help'])
    assert.equal(code, 0, name)
    assert.equal(stderr, '', name)
    const flat = stdout.replaceAll(/\s+/g, ' ')
    assert.ok(stdout.startsWith(`Usage: wardround ${name} [options]`), stdout)
    assert.ok(flat.includes(helpWords.commands[name]?.what ?? 'nothing'), name)
    assert.match(stdout, /^ {2}--json {2,}\S/m, name)
    assert.match(stdout, /^ {2}--verbose {2,}\S/m, name)
    const [, examples = ''] = stdout.split('\nExamples:\n')
    assert.match(examples, new RegExp(`^ {2}wardround (?:\\w+=\\S+ wardround )?${name}\\b`, 'm'), name)
  }
})

/** Words of a shell line; quotes hold words together, and variables before the program's name are the shell's. */
const wordsOf = (line: string): string[] =>
  (line.replace(/^\w+=\S+ wardround /, '').match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''))

test('every example is understood: its options and the number of its arguments are those of its command', async () => {
  for (const [name, { examples }] of Object.entries(helpWords.commands)) {
    for (const example of examples) {
      // --help ends the command before its work; unknown options and missing values are refused all the same.
      const words = wordsOf(example)
      const { code, stdout, stderr } = await ran([...words, '--help'])
      assert.equal(code, 0, `${example}: ${stderr}`)
      assert.ok(stdout.startsWith(`Usage: wardround ${name} `), example)
      const usage = /^Usage: wardround (.*)$/m.exec(stdout)?.[1] ?? ''
      const required = usage.match(/<[^>]+>/g)?.length ?? 0
      const optional = (usage.match(/\[[^\]]+\]/g)?.length ?? 0) - 1
      const taken = argumentsIn(words.slice(name.split(' ').length), stdout)
      assert.ok(taken >= required && taken <= required + optional, `${example} gives ${taken} of ${usage}`)
    }
  }
})

/** Words that are neither an option nor its value. */
function argumentsIn(words: readonly string[], help: string): number {
  const withValue = new Set([...help.matchAll(/^ {2}(--[a-z-]+) </gm)].map(([, flag]) => flag))
  return words.filter((word, index) => !word.startsWith('--') && !withValue.has(words[index - 1] ?? '')).length
}

test('help is no wider than the terminal', async () => {
  const { stdout } = await ran(['demo', '--help'])
  assert.ok(stdout.split('\n').every((line) => line.length <= 100))
})

test('without a command, and for a group without one, the help is shown', async () => {
  const bare = await ran([])
  assert.equal(bare.code, 0)
  assert.ok(bare.stdout.includes(helpWords.rootExamples()))
  for (const name of commandNames) assert.match(bare.stdout, new RegExp(`^ {2}${name.split(' ')[0]}\\b`, 'm'))
  for (const group of groups) {
    const { code, stdout } = await ran(group.split(' '))
    assert.equal(code, 0, group)
    assert.ok(stdout.startsWith(`Usage: wardround ${group} `), stdout)
    for (const name of commandNames.filter((own) => own.startsWith(`${group} `)))
      assert.match(stdout, new RegExp(`^ {2}${name.slice(group.length + 1).split(' ')[0]}\\b`, 'm'), name)
  }
})

test('--version says the version, and nothing else', async () => {
  for (const flag of ['--version', '-V']) {
    assert.deepEqual(await ran([flag]), { code: 0, stdout: '0.1.0\n', stderr: '' })
  }
})

test('what is not understood is WR_USAGE with exit code 2, and says whose help to read', async () => {
  const cases: [args: string[], what: RegExp, next: string][] = [
    [['studdy'], /unknown command 'studdy'/, 'wardround --help'],
    [['demonstrate'], /unknown command 'demonstrate'/, 'wardround --help'],
    [['study', 'chekc'], /unknown command 'chekc'/, 'wardround --help'],
    [['--nonsense'], /unknown option '--nonsense'/, 'wardround --help'],
    [['study', 'check'], /missing required argument/, 'wardround study check --help'],
    [['study', 'check', 'a.yaml', 'b.yaml'], /too many arguments/, 'wardround study check --help'],
    [['demo', '--seed', 'x'], /x is no seed/, 'wardround demo --help'],
    [['demo', '--store', 'mysql'], /no store mysql/, 'wardround demo --help'],
    [['demo', '--sites', 'cleveland,paris'], /no hospital paris/, 'wardround demo --help'],
    [['demo', '--strategy', 'fedSGD'], /no strategy fedSGD/, 'wardround demo --help'],
    [['coordinator', '--port', '70000'], /70000 is no port/, 'wardround coordinator --help'],
    [['coordinator', '--certificate', 'a.pem'], /go together/, 'wardround coordinator --help'],
    [['coordinator', '--key', 'a.pem'], /go together/, 'wardround coordinator --help'],
  ]
  for (const [args, what, next] of cases) {
    const plain = await ran(args)
    assert.equal(plain.code, 2, args.join(' '))
    assert.equal(plain.stdout, '', args.join(' '))
    assert.match(plain.stderr, /^WR_USAGE: /)
    assert.match(plain.stderr, what)
    assert.ok(plain.stderr.endsWith(`Next: ${next}\n`), plain.stderr)
    const json = await ran([...args, '--json'])
    assert.equal(json.code, 2, args.join(' '))
    assert.equal(told(json).error.code, 'WR_USAGE')
  }
  const valueless = await ran(['demo', '--seed'])
  assert.equal(valueless.code, 2)
  assert.match(valueless.stderr, /argument missing.*Next: wardround demo --help\n$/s)
})

test('every command refuses an unknown option, in words and as one document', async () => {
  for (const name of commandNames) {
    const words = name.split(' ')
    const plain = await ran([...words, '--no-such-option'])
    assert.equal(plain.code, 2, name)
    assert.match(plain.stderr, /^WR_USAGE: /, name)
    assert.ok(plain.stderr.endsWith(`Next: wardround ${name} --help\n`), plain.stderr)
    const json = await ran([...words, '--no-such-option', '--json'])
    assert.equal(json.code, 2, name)
    assert.equal(told(json).error.next, `wardround ${name} --help`)
  }
})
