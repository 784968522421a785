/** Layers that go separate ways from one input and meet again. */
import type { Activation } from '../../study/layers.ts'
import type { GraphBuilder } from '../builder.ts'
import { int } from '../ir.ts'
import { appendActivation } from './activation.ts'
import { type Context, type Extents, type Layer, misfit, type Place } from './layer.ts'

export type Branch = readonly Layer[]

/** One layer after another. */
export const appendLayers = (
  b: GraphBuilder,
  layers: Branch,
  { x, context }: { x: string; context: Context },
): string => layers.reduce((value, layer) => layer.append(b, value, context), x)

const outputOf = (branch: Branch, input: Extents): Extents => branch.at(-1)?.output ?? input

const joined = ({ name }: Place, branches: readonly Branch[], output: Extents): Omit<Layer, 'append'> => ({
  name,
  output,
  weights: branches.flatMap((branch) => branch.flatMap(({ weights }) => weights)),
  draws: branches.flatMap((branch) => branch.flatMap(({ draws }) => draws)),
})

const texts = (shapes: readonly Extents[]): string => shapes.map((shape) => `[${shape.join(', ')}]`).join(' and ')

/** Errors: WR_STUDY_INVALID where the branches' extents differ. */
export function addLayer(place: Place, branches: readonly Branch[], activation: Activation): Layer {
  const outputs = branches.map((branch) => outputOf(branch, place.input))
  const [output = []] = outputs
  if (outputs.some((other) => other.join() !== output.join()))
    throw misfit('model.layers', `${place.name} cannot add ${texts(outputs)}`)
  return {
    ...joined(place, branches, output),
    append(b, x, context) {
      const values = branches.map((branch) => appendLayers(b, branch, { x, context }))
      return appendActivation(
        b,
        values.reduce((sum, value) => b.node('Add', [sum, value])),
        activation,
      )
    },
  }
}

/** Along the channels of what has space, along the last axis of what has none. Errors: WR_STUDY_INVALID where other extents differ. */
export function concatLayer(place: Place, branches: readonly Branch[]): Layer {
  const outputs = branches.map((branch) => outputOf(branch, place.input))
  const [first = []] = outputs
  const axis = first.length > 2 ? 0 : first.length - 1
  const rest = (shape: Extents): string => shape.toSpliced(axis, 1).join()
  if (outputs.some((shape) => shape.length !== first.length || rest(shape) !== rest(first)))
    throw misfit('model.layers', `${place.name} cannot join ${texts(outputs)}`)
  const whole = outputs.reduce((sum, shape) => sum + (shape[axis] ?? 0), 0)
  return {
    ...joined(place, branches, first.with(axis, whole)),
    append: (b, x, context) =>
      b.node(
        'Concat',
        branches.map((branch) => appendLayers(b, branch, { x, context })),
        { attributes: { axis: int(axis + 1) } },
      ),
  }
}
