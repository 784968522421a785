/** The kept corpus and a few made-up inputs at every boundary, and that the fuzzer finds what there is to find. `npm run fuzz` makes many. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { seededRandom } from '@wardround/core/random.ts'
import fc from 'fast-check'
import { boundaries } from './boundaries/all.ts'
import { type Boundary, type Bytes, bytesOf, type Mutator, type Outcome } from './boundary.ts'
import { startCoverage } from './coverage.ts'
import { explore } from './explore.ts'
import { corpusFile, readInputs } from './inputs.ts'
import { byteMutators } from './mutate/bytes.ts'
import { changedJson } from './mutate/json.ts'

/** Milliseconds of this process's own work: what else the machine does is no fault of an input. */
const now = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

for (const boundary of boundaries)
  test(`${boundary.name}: nothing but what is promised`, async () => {
    const corpus = readInputs(corpusFile(boundary.name))
    const inputs = boundary.name.startsWith('routes/') ? 60 : 300
    const found = await explore(boundary, { inputs: inputs + corpus.length, seed: 1, corpus, now })
    assert.deepEqual(
      found.findings.map(({ why }) => why),
      [],
    )
    assert.ok(found.accepted > 0, 'nothing was accepted: it does not look behind the door')
  })

test('every boundary has a kept corpus, and no corpus is of none', () => {
  for (const { name } of boundaries) assert.ok(existsSync(corpusFile(name)), name)
  assert.equal(readdirSync(new URL('corpus', import.meta.url)).length, boundaries.length)
})

/** A boundary for the fuzzer's own sake. */
const made = (take: (text: string) => Outcome | Promise<Outcome>, more: Partial<Boundary> = {}): Boundary => ({
  name: 'made',
  codes: ['WR_USAGE'],
  seeds: [bytesOf('seed')],
  documents: fc.uint8Array().map((bytes): Bytes => Uint8Array.from(bytes)),
  mutators: [],
  words: [],
  sources: /fuzz\.test\.ts/,
  open: () => ({ take: (input) => take(Buffer.from(input).toString('latin1')), close: () => undefined }),
  ...more,
})
const whyOf = async (boundary: Boundary, inputs = 200): Promise<string[]> =>
  (await explore(boundary, { inputs, seed: 1, corpus: [], now })).findings.map(({ why }) => why.split('\n')[0] ?? '')

test('what a change of JSON comes to is a matter of its seed, whatever was changed before', () => {
  const made = (): string[] =>
    Array.from({ length: 500 }, (_, seed) => {
      const random = seededRandom(['change', seed])
      let value: unknown = { a: { b: [1, 2] }, c: 'x' }
      for (let change = 0; change < 8; change++) value = changedJson(value, random, ['w'])
      return JSON.stringify(value) ?? ''
    })
  assert.deepEqual(made(), made())
})

test('what it finds: what is thrown uncoded, a code that was not promised, and what does not end soon', async () => {
  assert.deepEqual(await whyOf(made(() => 'accepted')), [])
  const refusing = (code: 'WR_USAGE' | 'WR_INTERNAL') => () => {
    throw code === 'WR_USAGE'
      ? new WardroundError(code, { problem: '', command: 'fuzz' })
      : new WardroundError(code, { what: '' })
  }
  assert.deepEqual(await whyOf(made(refusing('WR_USAGE'))), [])
  assert.match((await whyOf(made(refusing('WR_INTERNAL'))))[0] ?? '', /^WR_INTERNAL/)
  const thrown = await whyOf(
    made((text) => {
      if (text.length > 3) throw new TypeError(`at ${text.length}`)
      return 'accepted'
    }),
  )
  assert.match(thrown[0] ?? '', /^TypeError: at 4/)
  // The same from one place is one finding.
  assert.equal(thrown.length, 1)
  let time = 0
  const slow = made((text) => {
    time += text === 'seed' ? 1001 : 1
    return 'accepted'
  })
  const { findings } = await explore(slow, { inputs: 50, seed: 1, corpus: [], now: () => time })
  assert.deepEqual(
    findings.map(({ why, inputs }) => [why, Buffer.from(inputs.at(-1) ?? []).toString()]),
    [['took 1001 ms, and 1001 ms again', 'seed']],
  )
})

test('what a session took before is kept with a finding, and the next session begins anew', async () => {
  const sessions: string[][] = []
  const boundary = made(() => 'accepted', {
    inputsPerSession: 10,
    open: () => {
      const own: string[] = []
      sessions.push(own)
      return {
        take(input) {
          own.push(Buffer.from(input).toString('latin1'))
          if (own.length === 7) throw new Error('seven')
          return 'accepted'
        },
        close: () => undefined,
      }
    },
  })
  const { findings } = await explore(boundary, { inputs: 30, seed: 1, corpus: [], now })
  assert.equal(findings.length, 1)
  assert.deepEqual(
    findings[0]?.inputs.map((input) => Buffer.from(input).toString('latin1')),
    sessions[0],
  )
  assert.ok(sessions.every(({ length }) => length <= 7) && sessions.length >= 4)
})

/** Five turns, each right one time in sixteen: by chance, one in a million finds the way out. Each `if` is source of its own. */
function maze(text: string): Outcome {
  const turn = (step: number): number => text.charCodeAt(step) % 16
  if (turn(0) === 3) {
    if (turn(1) === 1) {
      if (turn(2) === 4) {
        if (turn(3) === 2) {
          if (turn(4) === 7) throw new Error('out')
        }
      }
    }
  }
  return 'accepted'
}

test('coverage leads it where chance does not', async () => {
  const boundary = made(maze, { seeds: [bytesOf('.....')] })
  const coverage = startCoverage(() => boundary.sources)
  const led = await explore(boundary, { inputs: 20_000, seed: 1, corpus: [], now, coverage })
  coverage.close()
  assert.deepEqual(
    led.findings.map(({ why }) => why.split('\n')[0]),
    ['Error: out'],
  )
  assert.ok(led.corpus.length >= 4)
  assert.deepEqual(await whyOf(boundary, 20_000), [])
})

test('coverage rests where it has found nothing new for long, and what it found is changed further', async () => {
  const boundary = made(maze, { seeds: [bytesOf('.....')] })
  const watching = startCoverage(() => boundary.sources)
  let asked = 0
  let rested = 0
  const coverage: typeof watching = {
    ...watching,
    take() {
      asked += 1
      return watching.take()
    },
    rest() {
      rested = asked
      watching.rest()
    },
  }
  const found = await explore(boundary, { inputs: 5000, seed: 1, corpus: [], now, coverage, patience: 100 })
  watching.close()
  assert.deepEqual([found.inputs, rested > 0, asked], [5000, true, rested])
  assert.ok(found.corpus.length > 0 && watching.size() > 0)
})

test('the same seed makes the same inputs, and another one others', async () => {
  const inputsOf = async (seed: number): Promise<string> => {
    const all: string[] = []
    const boundary = made((text) => {
      all.push(text)
      return 'accepted'
    })
    await explore(boundary, { inputs: 300, seed, corpus: [], now })
    return JSON.stringify(all)
  }
  assert.equal(await inputsOf(1), await inputsOf(1))
  assert.notEqual(await inputsOf(1), await inputsOf(2))
})

test('every change changes something, somewhere', () => {
  const idle = new Map<Mutator, string>()
  for (const { name, mutators, onlyThese } of boundaries)
    for (const mutator of [...mutators, ...(onlyThese === true ? [] : byteMutators)]) idle.set(mutator, name)
  for (const { name, mutators, seeds, words } of boundaries)
    for (const mutator of [...mutators, ...byteMutators])
      for (const [index, seed] of seeds.entries())
        for (let draw = 0; draw < 20 && idle.has(mutator); draw++) {
          const beside = { other: seeds.at(index - 1) ?? seed, words }
          const changed = mutator(seed, seededRandom([name, draw]), beside)
          if (Buffer.compare(changed, seed) !== 0) idle.delete(mutator)
        }
  assert.deepEqual([...idle.values()], [])
})
