/** Works out what a model computes from constants alone: exporters write down how a shape comes about, node by node. */

import { evaluate } from '../interpreter/interpret.ts'
import { toTensor, type Value } from '../interpreter/values.ts'
import type { ElementType, Node } from '../ir.ts'
import { elementwiseShapes } from '../shapes/elementwise.ts'
import { fillingShapes } from '../shapes/filling.ts'
import { movementShapes } from '../shapes/movement.ts'
import { inferNode } from '../shapes/registry.ts'
import { invalid, type TypedShape } from '../shapes/rule.ts'

export type Folder = {
  /** The outputs of a node whose inputs are all constants; undefined where it is to be computed when the model runs. Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED. */
  fold(node: Node, inputs: readonly (Value | undefined)[]): readonly Value[] | undefined
}

/** Values of one result, and steps of the interpreter in all: shapes and tables of positions are small, and a file must not keep anybody busy. */
const mostValues = 1 << 14
const mostSteps = 1 << 19

export function folder(): Folder {
  let left = mostSteps
  return {
    fold(node, inputs) {
      // What it makes is known, and that it can be made, before anything is.
      const typed = typesOf(node, inputs)
      const steps = stepsOf(node, { inputs, typed })
      if (steps === undefined || steps > left) return undefined
      left -= steps
      return exact(node, inputs)
    },
  }
}

function typesOf(node: Node, inputs: readonly (Value | undefined)[]): readonly TypedShape[] {
  const values = new Map(node.inputs.map((name, index) => [name, inputs[index]] as const))
  return inferNode(node, {
    info: (name) => values.get(name) ?? missing(name),
    constant: (name) => {
      const value = values.get(name)
      return value === undefined ? undefined : toTensor(name, value)
    },
  })
}

const missing = (name: string): never => {
  throw invalid(`there is no value ${name}`)
}

const sizeOf = (shape: TypedShape['shape']): number => shape.reduce<number>((size, extent) => size * Number(extent), 1)

/** Each element of their results is made of one of each operand; of others at worst of all. */
const elementByElement: ReadonlySet<string> = new Set(
  [elementwiseShapes, movementShapes, fillingShapes].flatMap((rules) => Object.keys(rules)),
)

/** undefined where more is made than is worked out. */
function stepsOf(
  { op }: Node,
  { inputs, typed }: { inputs: readonly (Value | undefined)[]; typed: readonly TypedShape[] },
): number | undefined {
  const given = inputs.reduce((sum, value) => sum + (value?.data.length ?? 0), 1)
  const made = typed.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  if (!(made <= mostValues && given <= mostValues)) return undefined
  return elementByElement.has(op) ? given + made : given * (1 + made)
}

/** What integers of a type reach to; of int64, as far as a Float64 counts. */
const bounds: Readonly<Partial<Record<ElementType, readonly [least: number, most: number]>>> = {
  bool: [0, 1],
  uint8: [0, 255],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
}

/** The interpreter is exact where a model computes in Float32 or wraps around: what a type cannot hold, and what is no number, is left to whoever runs the model. */
function exact(node: Node, inputs: readonly (Value | undefined)[]): readonly Value[] | undefined {
  const made = evaluated(node, inputs)?.map(
    (value): Value => (value.type === 'float32' ? { ...value, data: value.data.map(Math.fround) } : value),
  )
  return made?.every(isHeld) ? made : undefined
}

/** Operands that a rule for shapes need not look at may still be nonsense. */
function evaluated(node: Node, inputs: readonly (Value | undefined)[]): readonly Value[] | undefined {
  try {
    return evaluate(node, inputs)
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return undefined
    throw error
  }
}

function isHeld(value: Value): boolean {
  if (value.type === 'string') return false
  const range = bounds[value.type]
  if (range === undefined) return value.data.every((number) => !Number.isNaN(number))
  const [least, most] = range
  return value.data.every((number) => Number.isInteger(number) && number >= least && number <= most)
}
