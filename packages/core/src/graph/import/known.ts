/** What is known of a model's values while it is appended to a graph: a constant, or a value of that graph by its name there. */
import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { fromTensor, toTensor, type Value } from '../interpreter/values.ts'
import type { Tensor } from '../ir.ts'
import { mostAxes } from '../shapes/rule.ts'
import { shown } from '../shown.ts'

export type Known = { readonly constant: Value } | { readonly name: string }

export type Values = {
  get(name: string): Known
  set(name: string, value: Known): void
  has(name: string): boolean
  /** The constant behind a name; undefined where it is computed. '' is an input left out. */
  constant(name: string): Value | undefined
  /** The name in the graph; a constant becomes one of its own there, once. '' stays ''. */
  inGraph(name: string): string
}

/** Errors: WR_GRAPH_INVALID for a name that nothing has defined yet, or twice. */
export function valuesIn(b: GraphBuilder): Values {
  const known = new Map<string, Known>()
  const written = new Map<string, string>()
  const get = (name: string): Known => {
    const value = known.get(name)
    if (value === undefined) throw invalid(`${shown(name)} is used, and nothing before it computes it`)
    return value
  }
  const constant = (name: string): Value | undefined => {
    if (name === '') return undefined
    const value = get(name)
    return 'constant' in value ? value.constant : undefined
  }
  return {
    get,
    has: (name) => known.has(name),
    set(name, value) {
      if (known.has(name)) throw invalid(`${shown(name)} is defined twice`)
      known.set(name, value)
    },
    constant,
    inGraph(name) {
      if (name === '') return ''
      const value = get(name)
      if ('name' in value) return value.name
      const before = written.get(name)
      if (before !== undefined) return before
      const made = writeConstant(b, name, value.constant)
      written.set(name, made)
      return made
    },
  }
}

/** Axes and single numbers are shared with the rest of the graph; others are called after what they are called in the file. */
function writeConstant(b: GraphBuilder, name: string, value: Value): string {
  if (value.type === 'int64' && value.shape.length === 1 && value.data.length <= mostAxes) return b.axes(value.data)
  if (value.type === 'float32' && value.shape.length === 0) return b.scalar(value.data[0] ?? Number.NaN)
  return b.initializer(toTensor(`model/constant/${name}`, value))
}

/** A tensor of the file. Exporters write the largest integer of all for 'to the end': ours are Float64, of which the largest safe one says the same. */
export function constantOf(tensor: Tensor): Value {
  const value = fromTensor(tensor)
  if (value.type !== 'int64') return value
  const most = Number.MAX_SAFE_INTEGER
  return { ...value, data: value.data.map((number) => Math.max(-most, Math.min(most, number))) }
}

export const invalid = (problem: string, cause?: unknown): WardroundError =>
  new WardroundError('WR_GRAPH_INVALID', { problem }, { cause })
export const refused = (problem: string): WardroundError => new WardroundError('WR_GRAPH_REFUSED', { problem })
