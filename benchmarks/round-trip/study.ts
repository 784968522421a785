/** A study of so many weights, and the records that each of its sites has. */
import { type ParsedStudy, validatePlan } from '@wardround/core/protocol/plan.ts'

const patients = 60
export const table = (): string => {
  const rows = Array.from({ length: patients }, (_, index) => `p${index},${index % 2},${20 + index}`)
  return `who,ill,age\n${rows.join('\n')}\n`
}

/** One input, h hidden units twice, one output: h² + 4h + 1 weights. */
const hiddenUnits = (weights: number): number => Math.ceil(Math.sqrt(weights + 3) - 2)
export const exactWeights = (weights: number): number => {
  const units = hiddenUnits(weights)
  return units * units + 4 * units + 1
}

export const studyOf = (weights: number, rounds: number): ParsedStudy =>
  validatePlan({
    wardround: 1,
    name: 'round-trip',
    question: 'What does a round cost?',
    data: {
      patient: 'who',
      target: { column: 'ill', positive: '> 0' },
      columns: { age: { type: 'number', unit: 'a', range: [0, 120] } },
      split: { test: 0.3, stratify: 'target' },
      minimumCohort: 10,
    },
    model: {
      layers: [
        { dense: hiddenUnits(weights), activation: 'relu' },
        { dense: hiddenUnits(weights), activation: 'relu' },
        { dense: 1, name: 'output' },
      ],
    },
    training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.1 } }, batch: 32, epochs: 1 },
    strategy: { fedAvg: {} },
    rounds: { maximum: rounds },
  })
