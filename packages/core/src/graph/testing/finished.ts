/** Random finished studies: a plan, what was prepared, weights, and records as hospitals have them. */
import fc from 'fast-check'
import type { Preparation, PreparedColumn } from '../../preparation/schema.ts'
import { type TypedTable, tableBuilder } from '../../preparation/table.ts'
import { type Scales, transform } from '../../preparation/transform.ts'
import { type Study, studySchema } from '../../study/study.ts'
import type { Weights } from '../../weights.ts'
import { run } from '../interpreter/interpret.ts'
import { float32, type NumberValue, numbers, range, type Value, type Values } from '../interpreter/values.ts'
import { weightSpecs } from '../network.ts'
import { predictionGraph } from '../prediction.ts'
import { type Draw, floats } from './draws.ts'

export type Finished = {
  readonly study: Study
  readonly preparation: Preparation
  readonly weights: Weights
  readonly scales?: Scales
  /** Of the same records: as the site reads them, and as the exported model takes them. */
  readonly table: TypedTable
  readonly columns: Values
}

/** Names that a graph builder likes to give, among others. */
const names = ['age', 'prediction', 'const_0', 'const_1', 'axes_1', 'And_3', 'features', 'Y']
const codes = ['0', '1', '2', 'no', 'è']

type Column = {
  readonly spec: Study['data']['columns'][string]
  readonly prepared: PreparedColumn
  /** What stands in the table; null where nothing does. */
  readonly cells: readonly (string | null)[]
}

export function drawFinished(g: Draw): Finished {
  const between = (min: number, max: number): number => g(fc.integer, { min, max })
  const rows = between(1, 6)
  const chosen = g(fc.shuffledSubarray<string>, names, { minLength: 1, maxLength: 4 }).toSorted()
  const columns = chosen.map((name) => [name, drawColumn(g, name, rows)] as const)
  const loss = g(() => fc.constantFrom('binaryCrossEntropy', 'categoricalCrossEntropy', 'meanSquaredError'))
  const study = studySchema.parse({
    wardround: 1,
    name: 'finished',
    question: 'Is it?',
    data: {
      patient: 'who',
      target:
        loss === 'categoricalCrossEntropy'
          ? { column: 'y', classes: { a: 'A', b: 'B' } }
          : { column: 'y', positive: '> 0' },
      columns: Object.fromEntries(columns.map(([name, { spec }]) => [name, spec])),
    },
    model: {
      layers: [
        ...(between(0, 1) === 1 ? [{ dense: 2, activation: 'tanh' }, { dropout: 0.5 }] : []),
        { dense: loss === 'categoricalCrossEntropy' ? 2 : 1, name: 'output' },
      ],
    },
    training: { loss, optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 1 },
    strategy: { fedAvg: {} },
    rounds: { maximum: 3 },
  })
  const preparation: Preparation = {
    columns: columns.map(([, { prepared }]) => prepared),
    normalise: 'global',
    contributors: ['a'],
  }
  const width = preparation.columns.reduce(
    (sum, column) => sum + (column.type === 'category' ? column.codes.length - 1 : 1),
    0,
  )
  const weights = weightSpecs(study.model, width).map(({ name, shape }) => ({
    name,
    shape,
    data: Float32Array.from(floats(g, shape).data),
  }))
  const own = between(0, 1) === 1 ? { scales: ownScales(g, preparation) } : {}
  return { study, preparation, weights, ...own, ...asTables(study, columns, rows) }
}

const ownScales = (g: Draw, { columns }: Preparation): Scales => ({
  numbers: Object.fromEntries(
    columns
      .filter(({ type }) => type === 'number')
      .map(({ name }) => [name, { mean: (floats(g, []).data[0] ?? 0) * 4, standardDeviation: 1.5 }]),
  ),
})

/** Values are multiples of 1/64: no rounding between text, Float64 and Float32. */
function drawColumn(g: Draw, name: string, rows: number): Column {
  const number = (): number => (floats(g, []).data[0] ?? 0) * 8
  const cell = (text: () => string): string | null => (g(fc.integer, { min: 0, max: 3 }) === 0 ? null : text())
  if (g(fc.boolean)) {
    return {
      // About a third of the values is out of range; the ends are in it.
      spec: { type: 'number', unit: '1', range: [-16, 16] },
      prepared: { name, type: 'number', fill: number(), mean: number(), standardDeviation: 0.5 + Math.abs(number()) },
      cells: range(rows).map(() => cell(() => String(g(() => fc.constantFrom(number(), -16, 16, 16.5))))),
    }
  }
  const known = g(fc.shuffledSubarray<string>, codes, { minLength: 2, maxLength: 4 }).toSorted()
  return {
    spec: { type: 'category', values: Object.fromEntries(known.map((code) => [code, `means ${code}`])) },
    prepared: { name, type: 'category', codes: known, fill: g(() => fc.constantFrom(...known)) },
    cells: range(rows).map(() => cell(() => g(() => fc.constantFrom(...codes, 'other')))),
  }
}

function asTables(
  study: Study,
  columns: readonly (readonly [string, Column])[],
  rows: number,
): { table: TypedTable; columns: Values } {
  const builder = tableBuilder(study, new Set(['who', 'y', ...columns.map(([name]) => name)]))
  const y = study.training.loss === 'categoricalCrossEntropy' ? 'a' : '0'
  for (const row of range(rows))
    builder.add({
      values: {
        who: `p${row}`,
        y,
        ...Object.fromEntries(columns.map(([name, { cells }]) => [name, cells[row] ?? null])),
      },
    })
  const feeds = columns.map(([name, { prepared, cells }]): [string, Value] => [
    name,
    prepared.type === 'number'
      ? float32(
          [rows, 1],
          cells.map((text) => (text === null ? Number.NaN : Number(text))),
        )
      : { type: 'string', shape: [rows, 1], data: cells.map((text) => text ?? '') },
  ])
  return { table: builder.finish().table, columns: Object.fromEntries(feeds) }
}

/** What the site would tell: transform() and the prediction graph, [rows, outputs]. */
export function sitePrediction({ study, preparation, weights, scales, table }: Finished): NumberValue {
  const inputs = transform(table, preparation, {
    rows: Int32Array.from(range(table.rows)),
    scales: scales ?? { numbers: {} },
  })
  const graph = predictionGraph({ model: study.model, inputs: inputs.width, loss: study.training.loss })
  const outputs = run(graph, {
    features: float32([inputs.rows, inputs.width], Array.from(inputs.features)),
    ...Object.fromEntries(weights.map(({ name, shape, data }) => [name, float32(shape, Array.from(data))] as const)),
  })
  return numbers(outputs.prediction ?? float32([], []))
}
