/** Rules whose result is (Σ cₖ·xₖ) / divisor, of the updates and, where the rule keeps one, of its centre. */
import { squareSum } from '../vector.ts'
import { addTerms } from '../weighted-sum.ts'
import type { Aggregator, Weighing } from './process.ts'

type Rule = Weighing & {
  readonly name: string
  /** Whether the result of the round before, at first 0, is a vector of its own: state `centre`. */
  readonly keepsCentre?: boolean
  readonly reach?: number
}

/** Coefficients and divisor are apart, so that a mean of whole updates is their exact sum, divided once. */
export const combining = ({ name, needs, weigh, keepsCentre = false, reach }: Rule): Aggregator => ({
  name,
  weighing: { needs, weigh },
  ...(reach === undefined ? {} : { reach }),
  init: (dimension) => (keepsCentre ? { centre: new Float64Array(dimension) } : {}),
  aggregate(updates, state, { combination: { coefficients, divisor } }) {
    const vectors = [...updates.map(({ delta }) => delta), ...Object.values(state)]
    const result = new Float64Array(updates[0]?.delta.length ?? 0)
    const terms = vectors.map((vector, index) => ({ coefficient: coefficients[index] ?? 0, vector }))
    addTerms(
      terms.filter(({ coefficient }) => coefficient !== 0),
      result,
    )
    for (let i = 0; i < result.length; i++) result[i] = (result[i] ?? 0) / divisor
    return {
      state: keepsCentre ? { centre: result } : state,
      result,
      measurements: { aggregateSquareSum: squareSum(result) },
    }
  },
})
