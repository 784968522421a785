/** What is said of a model that a study has from a file, and what can be wrong with it. */
import type { Obstacle } from '../../graph/inspect/findings.ts'
import type { PlannedFacts } from '../../graph/inspect/planned.ts'
import { modelCheckWords } from './model.ts'
import { obstacleWords } from './model-check.ts'
import { printable } from './printable.ts'

const extents = (of: readonly number[]): string => `[${of.join(', ')}]`

export const importedWords = {
  model: ({ input, output, operators }: PlannedFacts, sha256: { graph: string; weights: string }) =>
    printable(
      `a network from an ONNX file, which makes ${extents(output)} of ${extents(input)} by ${operators.map(({ op, count }) => (count === 1 ? op : `${count} ${op}`)).join(', ')}; the SHA-256 of its graph is ${sha256.graph}, that of its first weights ${sha256.weights}`,
    ),
  cost: ({ cost }: PlannedFacts, optimizer: string) =>
    `${[
      modelCheckWords.parameters(cost),
      modelCheckWords.round(cost),
      modelCheckWords.step(cost),
      modelCheckWords.memory(cost, optimizer),
    ].join('. ')}.`,
  unreadable: (file: string, what: string) => `${file} cannot be read: ${what}`,
  notFinite: (name: string) => `${printable(name)} in the file holds a value that is no number, or infinite`,
  noFiles: () => 'a file is named here, and only a study that is itself a file can name one',
  noAdapter: (name: string, possible: readonly string[]) =>
    possible.length === 0
      ? 'nothing in the file is a weight that an example is multiplied by: there is nothing to put adapters on'
      : printable(
          `${name} is no weight of a matrix product or a convolution; there are ${possible.slice(0, 12).join(', ')}${possible.length > 12 ? ` and ${possible.length - 12} more` : ''}`,
        ),
  untrainable: ([first, ...others]: readonly Obstacle[]) => {
    if (first === undefined) return 'the model cannot be trained'
    const { what, way } = obstacleWords(first)
    const more = others.length === 0 ? '' : ` Something else is in the way, too: wardround model check has all of it.`
    return `${what} ${way}${more}`
  },
  tooLarge: (kib: number, most: number) =>
    `without its weights it still has ${kib} KiB, and a plan takes ${most}: large constants that it computes with are no weights, and belong into the data or a layer that learns`,
  name: (name: string) => `${name} cannot be a weight's name in a plan`,
  otherInput: (input: readonly number[], wanted: readonly number[]) =>
    `the model takes ${extents(input)} for an example, and the study's columns make ${extents(wanted)} (${wanted.length === 1 ? 'a number is one input, a category one for each code but the first, in alphabetical order of the columns' : 'channels, height, width'}): export it for these, or let it begin with a Reshape of ${extents(wanted)}`,
  hidden: (op: string) =>
    `its output has gone through a ${op} that is not its last operator, so that the loss would take probabilities for what they are computed from: let the model end in the ${op}, or in what goes into it`,
  outputs: (loss: string, wanted: string, output: readonly number[]) =>
    `with ${loss} the model makes ${wanted} for an example, not ${extents(output)}`,
  softmaxAxis: (axis: number) => `the model ends in a Softmax over axis ${axis}, and classes are along axis 1`,
  activation: (loss: string, fitting: readonly string[], given: string) =>
    `with ${loss} the model ends in ${fitting.map((name) => (name === 'linear' ? 'no activation' : `a ${name}`)).join(' or ')}, not in a ${given}`,
} as const
