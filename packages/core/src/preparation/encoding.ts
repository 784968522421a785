/** How columns become model inputs, before anything is known but the plan. */
import { parseNumber } from '../numbers.ts'
import type { ColumnSpec, ImageColumn, Study, TargetSpec } from '../study/study.ts'
import type { WantedImage } from './fit-image.ts'

/** Columns in alphabetical order (by code unit), which is the order of model inputs. */
export const orderedColumns = (columns: Study['data']['columns']): readonly (readonly [string, ColumnSpec])[] =>
  Object.entries(columns).toSorted(([a], [b]) => (a < b ? -1 : 1))

/** Columns that are read beside the inputs: whose record it is, the outcome, and the part of a given split. */
export const specialColumns = ({ data: { patient, target, split } }: Pick<Study, 'data'>): readonly string[] => [
  patient,
  ...targetColumns(target),
  ...('column' in split ? [split.column] : []),
]

/** Where the outcome is. */
export const targetColumns = (target: TargetSpec): readonly string[] =>
  'time' in target ? [target.time.column, target.event.column] : [target.column]

/** What says in a cell what a record counts as; of a survival target its event, beside which there is its time. */
export const countedTarget = (target: WrittenTarget): CountedTarget => ('time' in target ? target.event : target)
export type CountedTarget = Exclude<WrittenTarget, { readonly time: unknown }>
/** A target that is read from cells. */
export type WrittenTarget = Exclude<TargetSpec, MaskTarget>
export type MaskTarget = Extract<TargetSpec, { readonly mask: unknown }>

/** The levels of a mask's labels, in order of their index: rising, so that the first is the background. */
export const maskLevels = ({ mask }: Pick<MaskTarget, 'mask'>): readonly number[] =>
  Object.keys(mask)
    .map(Number)
    .toSorted((a, b) => a - b)

/** What each mask is brought to: the size of the image that it is of, if there is one. */
export function maskForm(target: MaskTarget, columns: Study['data']['columns']): WantedImage | undefined {
  const image = imageColumn(columns)?.spec
  return image && { size: image.size, fit: image.fit, channels: 1, background: maskLevels(target)[0] ?? 0 }
}

/** Where a study learns from images: the one column that it then has. */
export function imageColumn(
  columns: Study['data']['columns'],
): { readonly name: string; readonly spec: ImageColumn } | undefined {
  for (const [name, spec] of Object.entries(columns)) if (spec.type === 'image') return { name, spec }
  return undefined
}

/** A category's codes in alphabetical order; the first is the reference. */
export const orderedCodes = (values: Readonly<Record<string, string>>): readonly string[] =>
  Object.keys(values).toSorted((a, b) => (a < b ? -1 : 1))

/** The extents of one example, [channels, height, width], where the study learns from images; else how many inputs a record makes. */
export function plannedInputs(columns: Study['data']['columns']): number | readonly number[] {
  const image = imageColumn(columns)?.spec
  return image === undefined
    ? Object.values(columns).reduce((sum, spec) => sum + inputsOfColumn(spec), 0)
    : imageExtents(image)
}

const imageExtents = ({ channels, size: [height, width] }: ImageColumn): readonly number[] => [channels, height, width]

/** One for a number, one for each code but the first for a category. */
const inputsOfColumn = (spec: ColumnSpec): number =>
  spec.type === 'category' ? Object.keys(spec.values).length - 1 : 1

/** The classes that records are divided into, in order of their index; none for a number. */
export function classLabels(target: TargetSpec): readonly string[] {
  if ('time' in target) return ['censored', 'event']
  if ('mask' in target) return ['unmarked', 'marked']
  if ('positive' in target) return ['negative', 'positive']
  if ('classes' in target) return orderedCodes(target.classes)
  return []
}

export type TargetRule = (text: string) => number

/** From a target's text to 0 or 1, a class index, or a value; NaN where it is none of them. */
export function targetRule(target: CountedTarget): TargetRule {
  if ('positive' in target) return positiveRule(target.positive)
  if ('classes' in target) {
    const codes = orderedCodes(target.classes)
    return (text) => {
      const index = codes.indexOf(text)
      return index < 0 ? Number.NaN : index
    }
  }
  const [low, high] = target.range
  return (text) => {
    const value = parseNumber(text)
    return value >= low && value <= high ? value : Number.NaN
  }
}

/** `> 0`, `!= 2`, `in yes maybe`. */
function positiveRule(rule: string): TargetRule {
  const [operator = '', ...rest] = rule.split(' ')
  if (operator === 'in') return (text) => (rest.includes(text) ? 1 : 0)
  const bound = Number(rest[0])
  const holds = comparisons[operator] ?? (() => false)
  return (text) => {
    const value = parseNumber(text)
    return Number.isNaN(value) ? Number.NaN : holds(value, bound) ? 1 : 0
  }
}

const comparisons: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '=': (value, bound) => value === bound,
  '!=': (value, bound) => value !== bound,
}
