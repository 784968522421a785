/** `site.yaml`: where this hospital's data is, what its columns are called and measured in, and what may leave. */
import { existsSync, readFileSync } from 'node:fs'
import { WardroundError } from '@wardround/core/errors.ts'
import { mostAtOnce } from '@wardround/core/protocol/at-work.ts'
import { configWords } from '@wardround/core/words/en/config.ts'
import { isMap, isScalar, LineCounter, parseDocument, type Node as YamlNode } from 'yaml'
import { z } from 'zod'
import { releaseKinds } from './egress/policy.ts'
import { devices } from './training/device.ts'

const missingTexts = z.array(z.union([z.string(), z.number()]).transform(String))

const dataSchema = z.strictObject({
  /** Relative to the folder of site.yaml. */
  file: z.string().min(1),
  /** Names of the columns where the file has no line of names. */
  header: z.array(z.string().min(1)).min(1).optional(),
  /** Texts that stand for a missing value; an empty cell always does. */
  missing: missingTexts.default([]),
  delimiter: z.enum([',', ';', '\t', '|']).optional(),
  decimal: z.enum(['.', ',']).optional(),
  encoding: z.enum(['utf-8', 'latin1']).default('utf-8'),
  /** This hospital knows that all its records have the same outcome; elsewhere that is taken for a fault in the data. */
  oneOutcome: z.boolean().default(false),
})

const folderOfImages = z.strictObject({
  /** Its cells name PNG or JPEG files. */
  column: z.string().min(1),
  /** The folder that they are in, relative to that of site.yaml. */
  folder: z.string().min(1),
})
export type FolderOfImages = z.output<typeof folderOfImages>

const pixels = z.int().min(1).max(65_536)
const packedImages = z.strictObject({
  /** A file of all images, a byte a level, row by row, channels last (as NumPy writes uint8); or that compressed by gzip. */
  packed: z.string().min(1),
  /** Height and width of each image in it. */
  size: z.tuple([pixels, pixels]),
  channels: z.union([z.literal(1), z.literal(3)]).default(1),
  /** Its cells say which image is a record's, counted from 0; without it the first image is the first record's. */
  column: z.string().min(1).optional(),
})
export type PackedImages = z.output<typeof packedImages>

const columnSchema = z.union([
  z
    .string()
    .min(1)
    .transform((column) => ({ column })),
  z.strictObject({
    column: z.string().min(1),
    /** What it is measured in here, if that is not the study's unit. */
    unit: z.string().min(1).optional(),
    /** Multiplies this hospital's number into the study's unit; for pairs of units that Wardround does not know. */
    factor: z.number().positive().optional(),
    missing: missingTexts.optional(),
    /** This hospital's code → the study's. */
    codes: z.record(z.string(), z.union([z.string(), z.number()]).transform(String)).optional(),
  }),
  /** One record a patient, and no name for anybody: the record's number. */
  z.strictObject({ rowNumber: z.literal(true) }),
  folderOfImages,
  packedImages,
])
export type ColumnConfig = z.output<typeof columnSchema>

const policySchema = z.strictObject({
  minimumCohort: z.int().min(1).default(10),
  releases: z.array(z.enum(releaseKinds)).default([...releaseKinds]),
  maximumRounds: z.int().min(1).optional(),
  studies: z.array(z.string()).optional(),
})

/** What training may use of this machine; what is left out is what training/limits.ts finds usual. */
const trainingSchema = z.strictObject({
  /** Node and ONNX Runtime, which train, need some 150 of it. */
  memoryMegabytes: z.int().min(200).max(1_000_000_000).optional(),
  /** For the training of one round. */
  minutes: z.number().positive().max(30_000).optional(),
  /** How many of them, of all trainings together, where a study's batches come in parts (`microbatch`): all there are, if it is left out. No bit depends on it. */
  cores: z.int().min(1).max(1024).optional(),
  /** `webgpu`: a GPU, through Vulkan, Metal or Direct3D. Its results are not those of other machines to the bit. */
  device: z.enum(devices).default('cpu'),
  /** Trainings of different studies at the same time, each in a process of its own; as training/pool.ts says where it is left out. */
  atOnce: z.int().min(1).max(mostAtOnce).optional(),
})

export const configSchema = z.strictObject({
  name: z.string().optional(),
  data: dataSchema,
  columns: z.record(z.string(), columnSchema).default({}),
  policy: policySchema.prefault({}),
  training: trainingSchema.prefault({}),
})
export type SiteConfig = z.output<typeof configSchema>

/** Errors: WR_CONFIG with line and field. */
export function readConfig(path: string): SiteConfig {
  if (!existsSync(path)) throw new WardroundError('WR_CONFIG', { file: path, field: '', problem: configWords.absent() })
  let source: string
  try {
    source = readFileSync(path, 'utf8')
  } catch (error) {
    const problem = configWords.unreadable()
    throw new WardroundError('WR_CONFIG', { file: path, field: '', problem }, { cause: error })
  }
  return parseConfig(source, path)
}

export function parseConfig(source: string, file: string): SiteConfig {
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, stringKeys: true })
  // A tag or a directive that means nothing here is a mistake too, and never left out in silence.
  const [broken] = [...document.errors, ...document.warnings]
  if (broken !== undefined)
    throw new WardroundError('WR_CONFIG', {
      file,
      line: lines.linePos(broken.pos[0]).line,
      field: '',
      problem: broken.message,
    })
  const parsed = configSchema.safeParse(plainData(document, file) ?? {})
  if (parsed.success) return parsed.data
  const { path, problem } = firstProblem(parsed.error.issues)
  throw new WardroundError('WR_CONFIG', {
    file,
    line: lineOf(document.contents, path, lines),
    field: path.map(String).join('.'),
    problem,
  })
}

/** Aliases are refused rather than expanded: a small file can expand without end. */
function plainData(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 })
  } catch (error) {
    throw new WardroundError('WR_CONFIG', { file, field: '', problem: configWords.aliases() }, { cause: error })
  }
}

type Problem = { readonly path: readonly PropertyKey[]; readonly problem: string }

/** Of a column's forms, the one that was meant is the one with complaints about its fields, not about its kind. */
function firstProblem([issue]: readonly z.core.$ZodIssue[]): Problem {
  if (issue === undefined) return { path: [], problem: '' }
  const { path } = issue
  switch (issue.code) {
    case 'invalid_union': {
      const fields = issue.errors.filter((own) => own.some((inner) => inner.path.length > 0 || 'keys' in inner))
      const [meant] = fields.toSorted((a, b) => a.length - b.length)
      if (meant === undefined) return { path, problem: issue.message }
      const inner = firstProblem(meant)
      return { path: [...path, ...inner.path], problem: inner.problem }
    }
    case 'unrecognized_keys':
      return { path: [...path, ...issue.keys.slice(0, 1)], problem: configWords.unknownField() }
    case 'invalid_type':
      return {
        path,
        problem: issue.message.includes('received undefined') ? configWords.missingField() : issue.message,
      }
    default:
      return { path, problem: issue.message }
  }
}

function lineOf(root: YamlNode | null, path: readonly PropertyKey[], lines: LineCounter): number {
  let node: unknown = root
  let offset = 0
  for (const key of path) {
    if (!isMap(node)) break
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
    if (pair === undefined) break
    offset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? offset
    node = pair.value
  }
  return lines.linePos(offset).line
}
