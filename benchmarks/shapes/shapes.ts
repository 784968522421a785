/** `npm run bench -- shapes`: our shape inference against onnx.shape_inference, over random uses of every operator. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Node, ValueInfo } from '@wardround/core/graph/ir.ts'
import { z } from 'zod'
import { dataTypes } from '../../packages/core/src/graph/onnx-types.ts'
import { pythonWith } from '../python.ts'
import { type ShapeCase, shapeCases } from './cases.ts'
import { shapesWords } from './words.ts'

export type ShapesOptions = {
  /** Of each operator. */
  readonly cases?: number
  readonly seed?: number
  readonly environment?: string
  readonly note?: (line: string) => void
}

/** What onnx makes of a case, beside our rule: the same; fewer extents than ours, and no other ones; nothing at all, not even how many axes; another, and ours from the next operator set on; another; an error. */
export type Verdict = 'same' | 'less' | 'nothing' | 'later' | 'differs' | 'refused'
export type ShapesRow = { readonly op: string } & Readonly<Record<Verdict | 'cases' | 'symbolic', number>>
export type Disagreement = {
  readonly op: string
  readonly verdict: Verdict
  readonly inputs: readonly Pick<ValueInfo, 'type' | 'shape'>[]
  readonly attributes: Node['attributes']
  readonly ours: readonly Pick<ValueInfo, 'type' | 'shape'>[]
  readonly theirs: Inferred
}
export type ShapesReport = {
  readonly onnxVersion: string
  readonly rows: readonly ShapesRow[]
  readonly disagreements: readonly Disagreement[]
}

const outputSchema = z.object({
  type: z.number(),
  shape: z.array(z.union([z.number(), z.string(), z.null()])).nullable(),
})
const inferredSchema = z.union([z.object({ outputs: z.array(outputSchema) }), z.object({ error: z.string() })])
const toldSchema = z.object({ now: inferredSchema, later: inferredSchema })
export type Inferred = z.output<typeof inferredSchema>

export async function shapesBench(options: ShapesOptions): Promise<ShapesReport> {
  const { cases = 100, seed = 1, environment = fileURLToPath(new URL('.venv', import.meta.url)), note } = options
  const python = pythonWith({ environment, requirements: ['onnx==1.23.2'], modules: ['onnx'] })
  const drawn = [...shapeCases({ cases, seed })]
  note?.(shapesWords.drawn(drawn.length))
  const lines = (await askOnnx(python, drawn)).map((line): unknown => JSON.parse(line))
  const { version } = z.object({ version: z.string() }).parse(lines.at(-1))
  return { onnxVersion: version, ...compared(drawn, lines.slice(0, -1)) }
}

async function askOnnx(python: string, drawn: readonly ShapeCase[]): Promise<readonly string[]> {
  const script = fileURLToPath(new URL('onnx_side.py', import.meta.url))
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(drawn.map(({ model }) => `${JSON.stringify({ model: model.toBase64() })}\n`).join(''))
  const lines = (await text(child.stdout)).trim().split('\n')
  if (lines.length !== drawn.length + 1)
    throw new WardroundError('WR_INTERNAL', { what: shapesWords.ended(lines.length, drawn.length) })
  return lines
}

function compared(drawn: readonly ShapeCase[], lines: readonly unknown[]): Omit<ShapesReport, 'onnxVersion'> {
  const rows = new Map<string, Record<Verdict | 'cases' | 'symbolic', number>>()
  const disagreements: Disagreement[] = []
  for (const [index, { op, symbolic, graph }] of drawn.entries()) {
    const { now: theirs, later } = toldSchema.parse(lines[index])
    const verdict = verdictOn(graph.outputs, { now: theirs, later })
    const row = rows.get(op) ?? {
      cases: 0,
      symbolic: 0,
      same: 0,
      less: 0,
      nothing: 0,
      later: 0,
      differs: 0,
      refused: 0,
    }
    row.cases += 1
    if (symbolic) row.symbolic += 1
    row[verdict] += 1
    rows.set(op, row)
    if (verdict !== 'differs' && verdict !== 'refused') continue
    const [node] = graph.nodes
    const inputs = [...graph.inputs, ...graph.initializers].map(({ type, shape }) => ({ type, shape }))
    const ours = graph.outputs.map(({ type, shape }) => ({ type, shape }))
    disagreements.push({ op, verdict, inputs, attributes: node?.attributes ?? {}, ours, theirs })
  }
  return { rows: [...rows].map(([op, counts]) => ({ op, ...counts })), disagreements }
}

type Typed = readonly Pick<ValueInfo, 'type' | 'shape'>[]

export function verdictOn(ours: Typed, { now, later }: z.output<typeof toldSchema>): Verdict {
  const verdict = heldAgainst(ours, now)
  return verdict === 'differs' && heldAgainst(ours, later) === 'same' ? 'later' : verdict
}

/** Of all outputs together: the worst. */
function heldAgainst(ours: Typed, theirs: Inferred): Verdict {
  if ('error' in theirs) return 'refused'
  const verdicts = ours.map(({ type, shape }, index): Verdict => {
    const other = theirs.outputs[index]
    // Neither type nor shape.
    if (other === undefined || other.type === 0) return 'nothing'
    if (other.type !== dataTypes[type]) return 'differs'
    if (other.shape === null) return 'nothing'
    if (other.shape.length !== shape.length) return 'differs'
    const pairs = shape.map((extent, axis) => [extent, other.shape?.[axis] ?? null] as const)
    if (pairs.every(([extent, found]) => extent === found)) return 'same'
    // A name that onnx makes up says no more than that it does not know.
    const fits = pairs.every(([extent, found]) => extent === found || typeof found !== 'number')
    return fits ? 'less' : 'differs'
  })
  return (['differs', 'nothing', 'less'] as const).find((verdict) => verdicts.includes(verdict)) ?? 'same'
}
