/** A study as one file, at a coordinator that takes it in (packages/coordinator/src/archive/import.ts): nothing of what is refused stays. */
import { importStudy } from '@wardround/coordinator/archive/import.ts'
import type { ErrorCode } from '@wardround/core/errors.ts'
import { asWardroundError } from '@wardround/core/errors.ts'
import { seededRandom } from '@wardround/core/random.ts'
import fc from 'fast-check'
import { change, ended, exported } from '../../../packages/coordinator/src/archive/archive.suite.ts'
import { contextOf, testWorld } from '../../../packages/coordinator/src/testing/federation.ts'
import { nothingLeft } from '../../../packages/coordinator/src/testing/needs.ts'
import { sha256 } from '../../../packages/coordinator/src/testing/requests.ts'
import { type Entry, entriesOf, packed, signedAnew } from '../../../packages/coordinator/src/testing/study-file.ts'
import { type Boundary, type Bytes, bytesOf, type Mutator } from '../boundary.ts'
import { byteMutators } from '../mutate/bytes.ts'
import { changedJson } from '../mutate/json.ts'
import { pick } from '../mutate/numbers.ts'

const running = await ended()
const file = await exported(running)
const entries = await entriesOf(file)
await running.close()
const manifest = entries.at(-1)
const members = entries.slice(0, -1)
const { keys } = running.world

/** Whoever changes a member can sign it; the file itself is not read again for that. */
const signed = (changed: readonly Entry[]): Bytes => Uint8Array.from(signedAnew(changed, manifest, keys))

type Change = (entry: Entry, random: Parameters<Mutator>[1], beside: Parameters<Mutator>[2]) => Uint8Array
const oneMember =
  (change: Change): Mutator =>
  (_, random, beside) => {
    const at = random.below(members.length)
    return signed(
      members.map((entry, index) =>
        index === at ? { ...entry, bytes: Buffer.from(change(entry, random, beside)) } : entry,
      ),
    )
  }

/** A value in a document, or in one line of several; also in JSON that is text within it. */
const values = oneMember(({ name, bytes }, random) => {
  if (name.endsWith('.safetensors')) return bytes
  const lines = String(bytes)
    .split('\n')
    .filter((line) => line !== '')
  const at = random.below(lines.length)
  const within = (text: string): string => {
    const value: unknown = JSON.parse(text)
    const texts = Object.entries(Object(value)).filter(
      ([, inner]) => typeof inner === 'string' && /^[{[][^\p{Cc}]*$/u.test(inner),
    )
    if (texts.length === 0 || random.below(2) === 0) return JSON.stringify(changedJson(value, random)) ?? ''
    const [key, inner] = pick(random, texts)
    return JSON.stringify({ ...Object(value), [key]: within(String(inner)) })
  }
  const changed = lines.map((line, index) => (index === at ? within(line) : line))
  return Buffer.from(name.endsWith('.jsonl') ? changed.map((line) => `${line}\n`).join('') : changed.join(''))
})
const bytes = oneMember((entry, random, beside) =>
  pick(random, byteMutators)(Uint8Array.from(entry.bytes), random, {
    ...beside,
    other: Uint8Array.from(members[0]?.bytes ?? []),
  }),
)
/** Members are taken away, doubled, exchanged. */
const order: Mutator = (_, random) => {
  const changed = [...members]
  const [at, other] = [random.below(changed.length), random.below(changed.length)]
  const moved = changed.splice(at, random.below(2))
  changed.splice(other, 0, ...moved, ...(random.below(2) === 0 ? moved : []))
  return signed(changed)
}

const codes: readonly ErrorCode[] = [
  ...(['WR_STUDY_FILE', 'WR_STUDY_EXISTS', 'WR_STUDY_INVALID', 'WR_STUDY_SYNTAX', 'WR_VERSION'] as const),
  ...(['WR_WEIGHTS_INVALID', 'WR_WEIGHTS_SHAPE', 'WR_WEIGHTS_NOT_FINITE'] as const),
]

export const studyFile: Boundary = {
  name: 'study-file',
  codes,
  seeds: [Uint8Array.from(file), Uint8Array.from(packed(members)), Uint8Array.from(packed([])), bytesOf('')],
  documents: fc.nat().map((seed) => {
    const beside = { other: new Uint8Array(), words: [] }
    return values(new Uint8Array(), seededRandom(['study-file', seed]), beside)
  }),
  mutators: [values, values, values, bytes, order],
  words: ['study.json', 'ustar', JSON.stringify(change)],
  sources: /packages\/(?:core\/src\/(?:protocol|safetensors|json)|coordinator\/src\/(?:archive|door))/,
  inputsPerSession: 20,
  async open() {
    const world = await testWorld()
    const context = contextOf({ world })
    return {
      async take(input) {
        const ref = { sha256: sha256(input), sizeBytes: input.length }
        try {
          await context.blobs.hold(async (holding) => {
            const held = holding.gathering()
            await held.put(input)
            await importStudy(context, held, { file: ref, by: 'fuzzer' })
          })
          return 'accepted'
        } catch (error) {
          const { code } = asWardroundError(error)
          if (!codes.includes(code)) throw error
          return code
        } finally {
          await context.blobs.drop([ref.sha256])
          await nothingLeft(world.store, world.blobs)
        }
      },
      close: () => world.store.close(),
    }
  },
}
