/** What a study's schema complains about, in our words: the variant that fits best, and the field that was probably meant. */
import type { z } from 'zod'
import { nearestField } from '../study/fields.ts'
import { studySchema } from '../study/study.ts'
import { problemWords } from '../words/en/study.ts'

export type Issue = { readonly path: readonly PropertyKey[]; readonly problem: string }

type SchemaIssue = z.core.$ZodIssue

/** Complaints about one place that are told: what was meant by each is looked for, and nobody reads thousands. */
const mostTold = 50

/** Empty where `data` is a study, as far as single fields go. */
export function schemaIssues(data: unknown): readonly Issue[] {
  // Schemas of layers inside layers go as deep as what they are given.
  if (depthOf(data) > deepest) return [{ path: [], problem: problemWords.tooDeep(deepest) }]
  const parsed = studySchema.safeParse(data)
  if (parsed.success) return []
  const issues = parsed.error.issues.slice(0, mostTold).flatMap((issue) => flattened(issue, { before: [], data }))
  const meant = new Set(
    issues.flatMap(({ kind, path }) => {
      const nearest = kind === 'unknown' ? nearestField(path) : undefined
      return nearest === undefined ? [] : [JSON.stringify([...path.slice(0, -1), nearest])]
    }),
  )
  return issues
    .filter(({ kind, path }) => kind !== 'missing' || !meant.has(JSON.stringify(path)))
    .map((flat) => ({ path: flat.path, problem: problemOf(flat, data) }))
}

/** Lists and records inside one another: 12 layers inside layers, and more than any study needs. */
const deepest = 48

/** Counted to one more than is allowed. */
function depthOf(data: unknown): number {
  let level: unknown[] = [data]
  for (let depth = 0; depth <= deepest; depth++) {
    level = level.flatMap((value) => (value !== null && typeof value === 'object' ? Object.values(value) : []))
    if (level.length === 0) return depth
  }
  return deepest + 1
}

type Flat = {
  readonly path: readonly PropertyKey[]
  readonly kind: 'unknown' | 'missing' | 'other'
  readonly issue: SchemaIssue
  /** What may stand here instead. */
  readonly names?: readonly string[]
}

/**
 * A union's issues are those of the variant that fits best: the one whose first complaint lies deepest, then the one with fewest, then the one
 * that misses what was probably meant.
 */
function flattened(issue: SchemaIssue, { before, data }: { before: readonly PropertyKey[]; data: unknown }): Flat[] {
  const path = [...before, ...issue.path]
  if (issue.code === 'invalid_union') {
    const variants = issue.errors.map((errors) =>
      errors.slice(0, mostTold).flatMap((inner) => flattened(inner, { before: path, data })),
    )
    const depth = (flats: readonly Flat[]): number =>
      Math.min(...flats.map((inner) => inner.path.length)) -
      flats.length / 1000 +
      (missesWhatWasMeant(flats) ? 1e-4 : 0)
    const misnamed = misnamedVariant(variants)
    if (misnamed !== undefined) return [misnamed]
    if (variants.length > 0) return variants.reduce((a, b) => (depth(b) > depth(a) ? b : a))
  }
  if (issue.code === 'unrecognized_keys')
    return issue.keys.slice(0, mostTold).map((key): Flat => ({ path: [...path, key], kind: 'unknown', issue }))
  return [{ path, kind: valueAt(data, path) === undefined ? 'missing' : 'other', issue }]
}

/** Where each variant is a single field, or a word, and none of them is anything like what is there: which there are. */
function misnamedVariant(variants: readonly (readonly Flat[])[]): Flat | undefined {
  const named = variants.map((flats): readonly string[] | undefined => {
    const [first] = flats
    if (flats.length === 1 && first?.issue.code === 'invalid_value') return first.issue.values.map(String)
    const missing = flats.find(({ kind }) => kind === 'missing')
    const unknown = flats.find(({ kind }) => kind === 'unknown')
    return flats.length === 2 && unknown !== undefined && missing?.path.length === unknown.path.length
      ? [String(missing.path.at(-1))]
      : undefined
  })
  const unknown = variants.flat().find(({ kind }) => kind === 'unknown')
  if (unknown === undefined || nearestField(unknown.path) !== undefined) return undefined
  return named.every((names) => names !== undefined)
    ? { ...unknown, kind: 'other', names: [...new Set(named.flat())] }
    : undefined
}

const missesWhatWasMeant = (flats: readonly Flat[]): boolean =>
  flats.some(
    (unknown) =>
      unknown.kind === 'unknown' &&
      flats.some(({ kind, path }) => kind === 'missing' && path.at(-1) === nearestField(unknown.path)),
  )

function problemOf({ path, kind, issue, names }: Flat, data: unknown): string {
  if (names !== undefined) return problemWords.oneOf(names)
  if (kind === 'unknown') return problemWords.unknownField(String(path.at(-1)), nearestField(path))
  if (kind === 'missing') return problemWords.missingField()
  switch (issue.code) {
    case 'invalid_type':
      return problemWords.wrongKind(issue.expected, kindOf(valueAt(data, path)))
    case 'invalid_union':
      return 'options' in issue ? problemWords.oneOf(issue.options.map(String)) : issue.message
    case 'invalid_value':
      return problemWords.oneOf(issue.values.map(String))
    case 'too_small':
      return problemWords.tooSmall({
        ...sizeOf(issue),
        limit: Number(issue.minimum),
        inclusive: issue.inclusive !== false,
      })
    case 'too_big':
      return problemWords.tooBig({
        ...sizeOf(issue),
        limit: Number(issue.maximum),
        inclusive: issue.inclusive !== false,
      })
    default:
      return issue.message
  }
}

const sizeOf = ({ origin }: { readonly origin: string }): { readonly of: 'number' | 'text' | 'list' } => ({
  of: origin === 'string' ? 'text' : origin === 'array' ? 'list' : 'number',
})

const valueAt = (data: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, key) => (value !== null && typeof value === 'object' ? Reflect.get(value, key) : undefined),
    data,
  )

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'number') return Number.isInteger(value) ? 'number' : 'fraction'
  return Array.isArray(value) ? 'array' : typeof value
}
