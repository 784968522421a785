/** The fields of a study as paths, read off its schema: for suggestions, and for the test that docs/study.md leaves none out. */
import { z } from 'zod'
import { studySchema } from './study.ts'

/** What JSON Schema says of a place, as far as fields go. */
type Node = {
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: Node | boolean
  readonly items?: Node | boolean
  readonly anyOf?: readonly Node[]
  readonly oneOf?: readonly Node[]
  readonly $ref?: string
}
const nodeSchema: z.ZodType<Node> = z.lazy(() =>
  z.object({
    properties: z.record(z.string(), nodeSchema).exactOptional(),
    additionalProperties: z.union([z.boolean(), nodeSchema]).exactOptional(),
    items: z.union([z.boolean(), nodeSchema]).exactOptional(),
    anyOf: z.array(nodeSchema).exactOptional(),
    oneOf: z.array(nodeSchema).exactOptional(),
    $ref: z.string().exactOptional(),
  }),
)
const definitions = z.object({ $defs: z.record(z.string(), nodeSchema).default({}) })

let known: readonly (readonly string[])[] | undefined

/** Every field once, as segments; `*` stands for a name of the study's own, `[]` for a place in a list. */
export function studyFields(): readonly (readonly string[])[] {
  known ??= fieldsOf(studySchema)
  return known
}

function fieldsOf(schema: z.ZodType): readonly (readonly string[])[] {
  const found = new Map<string, readonly string[]>()
  const whole = z.toJSONSchema(schema, { io: 'input' })
  const { $defs } = definitions.parse(whole)
  // Layers inside layers have the fields of layers: one level says them all.
  const entered = new Set<string>()
  const visit = (node: Node | boolean | undefined, path: readonly string[]): void => {
    if (typeof node !== 'object') return
    if (node.$ref !== undefined && !entered.has(node.$ref)) {
      entered.add(node.$ref)
      visit($defs[node.$ref.replace('#/$defs/', '')], path)
    }
    for (const [key, inner] of Object.entries(node.properties ?? {})) {
      found.set([...path, key].join('.'), [...path, key])
      visit(inner, [...path, key])
    }
    visit(node.additionalProperties, [...path, '*'])
    visit(node.items, [...path, '[]'])
    for (const variant of [...(node.anyOf ?? []), ...(node.oneOf ?? [])]) visit(variant, path)
  }
  visit(nodeSchema.parse(whole), [])
  return [...found.values()]
}

/** Of what may have been meant for a field: longer ones are not compared, letter by letter. */
const longestName = 64

/** The field that somebody who wrote `path` most probably meant: at most two letters away, at the same place. */
export function nearestField(path: readonly PropertyKey[]): string | undefined {
  const written = String(path.at(-1))
  if (written.length > longestName) return undefined
  const here = studyFields().filter(
    (field) =>
      field.length === path.length &&
      field.slice(0, -1).every((part, place) => part === '*' || part === '[]' || part === path[place]),
  )
  const [best] = here
    .map((field) => ({
      name: field.at(-1) ?? '',
      distance: editDistance(written.toLowerCase(), (field.at(-1) ?? '').toLowerCase()),
    }))
    .filter(({ name, distance }) => distance <= Math.min(2, name.length / 2))
    .toSorted((a, b) => a.distance - b.distance)
  return best?.name
}

/** Levenshtein's: the fewest letters to add, drop or change (Wagner and Fischer 1974). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries())
      next.push(Math.min((row[j] ?? 0) + (letter === other ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    row = next
  }
  return row[b.length] ?? 0
}
