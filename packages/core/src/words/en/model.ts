/** What is said about models: whether a site would train one, what it costs, what it is made of. */
import type { Cost } from '../../graph/inspect/cost.ts'
import type { Box, Diagram } from '../../graph/inspect/diagram.ts'
import type { SummaryRow } from '../../graph/inspect/summary.ts'
import { printable } from './printable.ts'
import { sizeInWords } from './size.ts'

const extents = (shape: readonly number[]): string => (shape.length === 0 ? 'one value' : shape.join(' × '))
const whole = (value: number): string => value.toLocaleString('en')

const counts = (list: Box['operators']): string =>
  list.map(({ op, count }) => (count === 1 ? op : `${op} ×${count}`)).join(' · ')
const operators = (box: Box): string => counts(box.operators)

/** What only lays values out anew says little beside anything else. */
const layout = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Transpose', 'Cast', 'Slice', 'Identity'])
/** The title of a box names all of them. */
const mostNamed = 4

const mainOperators = (box: Box): string => {
  const main = box.operators.filter(({ op }) => !layout.has(op))
  const shown = main.length === 0 ? box.operators : main
  const more = shown.length > mostNamed ? ' …' : ''
  return `${counts(shown.slice(0, mostNamed)).replaceAll('Normalization', 'Norm')}${more}`
}

export const modelWords = {
  exampleBox: (input: readonly number[]) => ['example', extents(input)],
  boxLines: (box: Box) => {
    const made = `→ ${extents(box.output)}`
    return [
      mainOperators(box),
      ...(box.name === '' ? [] : [box.name]),
      box.parameters > 0 ? `${made}, ${whole(box.parameters)} parameters` : made,
    ]
  },
  boxTitle: (box: Box) =>
    `${box.name === '' ? '' : `${box.name}: `}${operators(box)}; makes ${extents(box.output)}; ${whole(box.parameters)} parameters`,
  pictureTitle: (name: string) => `What ${name} does with an example`,
  pictureDescription: ({ input, boxes, edges }: Diagram) =>
    `From an example of ${extents(input)} through ${boxes.length} boxes and ${edges.length} connections to ${extents(boxes.at(-1)?.output ?? input)}. ${boxes
      .map((box, index) => `${index + 1}: ${operators(box)}`)
      .join('; ')}.`,
}

const kinds = ({ learnt, kept, frozen }: Pick<Cost, 'learnt' | 'kept' | 'frozen'>): string =>
  [
    `${whole(learnt)} that are learnt`,
    ...(kept === 0 ? [] : [`${whole(kept)} running statistics`]),
    ...(frozen === 0 ? [] : [`${whole(frozen)} that are frozen`]),
  ].join(', ')

/** With a thousand's step in the unit: 9.5 GFLOP. */
function inUnits(value: number, unit: string): string {
  const steps = ['', 'k', 'M', 'G', 'T', 'P']
  const step = Math.min(steps.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)))
  const shown = value / 1000 ** step
  return `${step === 0 ? whole(shown) : shown.toFixed(1)} ${steps[step]}${unit}`
}

export const modelCheckWords = {
  trainable: (file: string) => `${file} can be trained.`,
  notTrainable: (file: string) => `${file} cannot be trained as it is.`,
  origin: (producer: string, opset: number) =>
    producer === '' ? `Operator set ${opset}.` : `From ${printable(producer)}, operator set ${opset}.`,
  operators: (list: readonly { op: string; domain: string; count: number }[]) =>
    printable(
      `Operators: ${list.map(({ op, domain, count }) => `${domain === '' ? '' : `${domain}.`}${op} ${count}`).join(', ')}`,
    ),
  parameters: (cost: Cost) => `Parameters: ${kinds(cost)}`,
  round: ({ roundBytes: { down, up } }: Cost) =>
    `A round: ${sizeInWords(down)} of weights to each site, ${sizeInWords(up)} from each`,
  step: ({ batch, operations: { forward, step } }: Cost) =>
    `A step with ${batch === 1 ? 'one example' : `${batch} examples`}: ${inUnits(step, 'FLOP')}, ${inUnits(forward, 'FLOP')} of them forwards`,
  memory: ({ microbatch, memoryBytes: { carried, peak } }: Cost, optimizer: string) =>
    `Its memory, by estimate: ${sizeInWords(peak)}${microbatch === undefined ? '' : ` for each part of ${microbatch} that is worked on at the same time`}, ${sizeInWords(carried)} of it weights and what the optimizer (${optimizer}) keeps; plan with twice as much`,
  obstaclesHeading: () => 'In the way:',
  obstacle: ({ what, way }: { what: string; way: string }) => [`  - ${what}`, `    ${way}`],
  cutShort: () => 'There may be more: what comes behind these could not be looked at.',
  remarksHeading: () => 'Worth knowing:',
}

/** Columns as wide as what stands in them; numbers to the right. */
function table(rows: readonly (readonly string[])[], rightFrom: number): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column >= rightFrom ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}

export const modelShowWords = {
  /** With a line for all of it. */
  summary: (rows: readonly SummaryRow[]) => {
    const sum = (of: (row: SummaryRow) => number): number => rows.reduce((total, row) => total + of(row), 0)
    const all = { learnt: sum((row) => row.learnt), kept: sum((row) => row.kept), frozen: sum((row) => row.frozen) }
    const lines = rows.map((row) => [
      printable(row.name),
      printable(row.kind),
      extents(row.output),
      whole(row.learnt + row.kept + row.frozen),
    ])
    return [
      ...table([['layer', 'kind', 'output', 'parameters'], ...lines], 3),
      `In all ${whole(all.learnt + all.kept + all.frozen)}: ${kinds(all)}`,
    ]
  },
}
