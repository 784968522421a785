/** Shapes of recurrent layers, time first. */
import { recurrentOf } from '../recurrent.ts'
import { input, type ShapeRule, type TypedShape } from './rule.ts'

/** Y [steps, directions, batch, hidden], and for each of `states` what it is after the last step, [directions, batch, hidden]. */
const recurrent =
  (states: number): ShapeRule =>
  (node, inputs) => {
    const { type } = input(inputs, 0)
    const { steps, batch, hidden, directions } = recurrentOf(
      node,
      inputs.map((operand) => operand?.shape),
    )
    const state: TypedShape = { type, shape: [directions.length, batch, hidden] }
    const all: TypedShape = { type, shape: [steps, directions.length, batch, hidden] }
    return [all, ...Array.from({ length: states }, () => state)]
  }

export const recurrentShapes: Readonly<Record<string, ShapeRule>> = {
  RNN: recurrent(1),
  GRU: recurrent(1),
  LSTM: recurrent(2),
}
