/** Recurrent layers of the reference interpreter, one example and one step after another, by the equations of their documents. */
import { intAttribute, type Node } from '../../ir.ts'
import { at, float32, type NumberValue, numbers, range, type Value } from '../values.ts'
import { input, type Operator, type Operators } from './operator.ts'

type Vector = readonly number[]
type State = { readonly h: Vector; readonly c: Vector }
/** What a gate has of a vector for one unit: a row of its weights times the vector, and its bias. */
type Affine = (gate: number, unit: number, vector: Vector) => number
type Cell = (
  x: Vector,
  before: State,
  weights: { readonly input: Affine; readonly recurrent: Affine; readonly units: Vector },
) => State

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))
const of = (vector: Vector, unit: number): number => vector[unit] ?? Number.NaN

const rnn: Cell = (x, { h, c }, { input, recurrent, units }) => ({
  h: units.map((unit) => Math.tanh(input(0, unit, x) + recurrent(0, unit, h))),
  c,
})

const gru =
  (isLinearFirst: boolean): Cell =>
  (x, { h, c }, { input, recurrent, units }) => {
    const gate = (index: number): Vector =>
      units.map((unit) => sigmoid(input(index, unit, x) + recurrent(index, unit, h)))
    const [z, r] = [gate(0), gate(1)]
    const kept = h.map((value, unit) => of(r, unit) * value)
    const candidate = units.map((unit) => {
      const remembered = isLinearFirst ? of(r, unit) * recurrent(2, unit, h) : recurrent(2, unit, kept)
      return Math.tanh(input(2, unit, x) + remembered)
    })
    return { h: units.map((unit) => (1 - of(z, unit)) * of(candidate, unit) + of(z, unit) * of(h, unit)), c }
  }

const lstm: Cell = (x, { h, c }, { input, recurrent, units }) => {
  const sum = (gate: number, unit: number): number => input(gate, unit, x) + recurrent(gate, unit, h)
  const cell = units.map(
    (unit) => sigmoid(sum(2, unit)) * of(c, unit) + sigmoid(sum(0, unit)) * Math.tanh(sum(3, unit)),
  )
  return { h: units.map((unit) => sigmoid(sum(1, unit)) * Math.tanh(of(cell, unit))), c: cell }
}

type Weights = { readonly weights: NumberValue; readonly bias: Value | undefined; readonly hidden: number }

/** The affine maps of one direction. `half` of the bias belongs to them: 0 to those of the input, 1 to those of the state. */
function affine({ weights, bias, hidden }: Weights, direction: number, half: number): Affine {
  const [, rows = 0, width = 0] = weights.shape
  const all = bias === undefined ? [] : numbers(bias).data
  return (gate, unit, vector) => {
    const row = gate * hidden + unit
    let sum = bias === undefined ? 0 : of(all, (2 * direction + half) * rows + row)
    for (let column = 0; column < width; column++)
      sum += of(weights.data, (direction * rows + row) * width + column) * of(vector, column)
    return sum
  }
}

const layer =
  (cellOf: (node: Node) => Cell): Operator =>
  (node, inputs) => {
    const [x, w, r] = [numbers(input(inputs, 0)), numbers(input(inputs, 1)), numbers(input(inputs, 2))]
    const [steps = 0, batch = 0, width = 0] = x.shape
    const [directions = 0, , hidden = 0] = r.shape
    const cell = cellOf(node)
    const { direction } = node.attributes
    const isReversed = (index: number): boolean =>
      index === 1 || (direction?.kind === 'string' && direction.value === 'reverse')
    const all = new Array<number>(steps * directions * batch * hidden)
    const last: State[] = []
    for (const index of range(directions)) {
      const weights = {
        units: range(hidden),
        input: affine({ weights: w, bias: inputs[3], hidden }, index, 0),
        recurrent: affine({ weights: r, bias: inputs[3], hidden }, index, 1),
      }
      for (const example of range(batch)) {
        const initial = (value: Value | undefined): Vector =>
          range(hidden).map((unit) => (value === undefined ? 0 : at(value, [index, example, unit])))
        let state: State = { h: initial(inputs[5]), c: initial(inputs[6]) }
        for (const count of range(steps)) {
          const step = isReversed(index) ? steps - 1 - count : count
          const from = (step * batch + example) * width
          state = cell(x.data.slice(from, from + width), state, weights)
          const to = ((step * directions + index) * batch + example) * hidden
          for (const [unit, value] of state.h.entries()) all[to + unit] = value
        }
        last.push(state)
      }
    }
    const atTheEnd = (value: (state: State) => Vector): NumberValue =>
      float32([directions, batch, hidden], last.flatMap(value))
    return [float32([steps, directions, batch, hidden], all), atTheEnd(({ h }) => h), atTheEnd(({ c }) => c)]
  }

export const recurrentOperators: Operators = {
  RNN: layer(() => rnn),
  GRU: layer((node) => gru(intAttribute(node, 'linear_before_reset', 0) !== 0)),
  LSTM: layer(() => lstm),
}
