/** The rows as a table: those operators where onnx does not say the same every time, and the sum of all. */
import { aligned } from '../figures.ts'
import type { ShapesReport, ShapesRow } from './shapes.ts'
import { shapesWords } from './words.ts'

const counts = ['cases', 'symbolic', 'same', 'less', 'nothing', 'later', 'differs', 'refused'] as const

export function shapesTable({ rows, onnxVersion, disagreements }: ShapesReport): string {
  const line = (name: string, row: Omit<ShapesRow, 'op'>): string[] => [name, ...counts.map((key) => String(row[key]))]
  const sum = (key: (typeof counts)[number]): number => rows.reduce((total, row) => total + row[key], 0)
  const all = Object.fromEntries(counts.map((key) => [key, sum(key)])) as Omit<ShapesRow, 'op'>
  const other = rows.filter((row) => row.same < row.cases)
  const lines = [...other.map((row) => line(row.op, row)), line(shapesWords.all(rows.length), all)]
  return [
    shapesWords.heading(onnxVersion),
    '',
    ...aligned([shapesWords.columns(), ...lines], 1),
    '',
    ...shapesWords.notes(),
    ...disagreements.slice(0, 50).map((found) => JSON.stringify(found)),
  ].join('\n')
}
