/** Rules whose result is (Σ cₖ·xₖ) / divisor, of the updates and, where the rule keeps one, of its centre. */
import { divide } from '../step-sum.ts'
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
  coefficients: ({ combination: { coefficients }, makings }) => [coefficients.slice(0, makings.length)],
  finish([result = new Float64Array()], state, { combination: { coefficients, divisor }, makings }) {
    const own = Object.values(state).map((vector, k) => ({
      coefficient: coefficients[makings.length + k] ?? 0,
      vector,
    }))
    addTerms(own, result)
    const aggregateSquareSum = divide(result, divisor)
    return { state: keepsCentre ? { centre: result } : state, result, measurements: { aggregateSquareSum } }
  },
})
